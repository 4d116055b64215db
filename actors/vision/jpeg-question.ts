import type { KeyFrame } from '../ingest/live-methods.ts';

/** Method of a vision process: a key frame in, a JPEG of it out. */
export const JPEG_METHOD = 'jpeg';

/** A key frame to be made a picture of. */
export interface JpegQuestion { readonly keyFrame: KeyFrame; readonly width: number | undefined }
