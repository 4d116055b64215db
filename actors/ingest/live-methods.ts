import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';

/** Methods of the desk for live pictures. */
export const LIVE_METHODS = { watch: 'live', keyFrame: 'key-frame' } as const;

/** A key frame, for a still picture of the camera. */
export interface KeyFrame { readonly epoch: number; readonly parameters: StreamParameters; readonly unit: AccessUnit }
