import { join } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import type { MediaPacket } from '../media/types.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import type { MediaAccess } from './media-access.ts';
import { pictureNames } from './picture-names.ts';
import type { Pass } from './recorded-session.ts';

/** What a folder is read with. */
export interface PictureFolderRequest {
  readonly folder: string;
  readonly rateHz: number;
  readonly media: MediaAccess;
  readonly signal: AbortSignal;
}

const OPEN_TIMEOUT_MS = 10_000;
/** Ticks per second of the made-up time base; frame numbers become exact times at common rates. */
const TICKS = 90_000;

/**
 * Reads the pictures of a folder as key units, in order of their names (numbers in them count as numbers). `parameters` follow each
 * picture's codec and size.
 * @throws PlatformError MEDIA_INVALID when the folder holds no picture; per picture MEDIA_CORRUPT when it cannot be read
 */
export async function openPictureFolder(request: PictureFolderRequest): Promise<Pass> {
  const { folder, rateHz } = request;
  const names = await pictureNames(folder) ?? [];
  if (names.length === 0) throw new PlatformError('MEDIA_INVALID', `no .jpg or .png pictures in folder '${folder}'`, { folder });
  let index = 0;
  let parameters: StreamParameters | undefined;
  let ahead: MediaPacket | undefined;
  const readOne = async (): Promise<MediaPacket | undefined> => {
    const name = names[index];
    if (name === undefined) return undefined;
    const pts = Math.round(index++ * TICKS / rateHz);
    const picture = await readPicture(join(folder, name), request);
    parameters = { ...picture.parameters, timeBase: { num: 1, den: TICKS }, frameRate: rateHz };
    return { ...picture.packet, pts, dts: pts, duration: Math.round(TICKS / rateHz), isKey: true };
  };
  while (parameters === undefined) {
    try {
      ahead = await readOne();
    } catch (error) {
      if (index >= names.length || !(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
    }
  }
  const known = (): StreamParameters => {
    if (parameters === undefined) throw new PlatformError('MEDIA_INVALID', `no readable picture in folder '${folder}'`, { folder });
    return parameters;
  };
  return {
    expectedUnits: names.length,
    reader: {
      get parameters() { return known(); },
      durationSeconds: names.length / rateHz,
      async read() {
        const packet = ahead ?? await readOne();
        ahead = undefined;
        return packet;
      },
      interrupt() { index = names.length; },
      async close() { index = names.length; },
    },
  };
}

async function readPicture(path: string, { media, signal }: PictureFolderRequest): Promise<{ packet: MediaPacket; parameters: StreamParameters }> {
  try {
    // pattern_type none: '%' in a name is a character, not a picture number.
    const reader = await media.openReader({
      uri: path, format: 'image2', libavOptions: { pattern_type: 'none' }, skipProbe: false, openTimeoutMs: OPEN_TIMEOUT_MS, signal,
    });
    try {
      const packet = await reader.read();
      if (packet === undefined) throw new PlatformError('MEDIA_CORRUPT', `picture '${path}' is empty`, { path });
      return { packet, parameters: reader.parameters };
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (signal.aborted || (error instanceof PlatformError && error.code === 'MEDIA_CORRUPT')) throw error;
    throw new PlatformError('MEDIA_CORRUPT', `picture '${path}' cannot be read`, { path }, error);
  }
}
