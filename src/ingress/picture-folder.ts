import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import { describeStill, type StillDescription } from '../media/stills/describe-still.ts';
import type { MediaPacket } from '../media/types.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { pictureNames } from './picture-names.ts';
import type { Pass } from './recorded-session.ts';

/** What pictures are read with. */
export interface PictureRequest {
  /** A folder of pictures, or one picture. */
  readonly path: string;
  readonly rateHz: number;
  readonly signal: AbortSignal;
}

/** Ticks per second of the made-up time base; frame numbers become exact times at common rates. */
const TICKS = 90_000;
/** A picture of 16 bits and 16,384 pixels square; what is larger is no picture. */
const SIZE_MAX = 512 << 20;

/**
 * Reads the pictures of a folder as key units, in order of their names (numbers in them count as numbers), each as its file is, byte for byte. What they are is
 * told from their content. `parameters` follow each picture's codec, size and modality.
 * @throws PlatformError MEDIA_INVALID when there is no picture; per picture MEDIA_CORRUPT when it cannot be read
 */
export async function openPictures(request: PictureRequest): Promise<Pass> {
  const { path, rateHz, signal } = request;
  const names = await pictureNames(path);
  const files = names === undefined ? [path] : names.map(name => join(path, name));
  if (files.length === 0) throw new PlatformError('MEDIA_INVALID', `no JPEG, PNG, TIFF or FFF pictures in folder '${path}'`, { folder: path });
  let index = 0;
  let parameters: StreamParameters | undefined;
  let ahead: MediaPacket | undefined;
  const readOne = async (): Promise<MediaPacket | undefined> => {
    const file = files[index];
    if (file === undefined) return undefined;
    const pts = Math.round(index++ * TICKS / rateHz);
    const { data, still } = await readPicture(file, signal);
    parameters = parametersOf(still, rateHz);
    return { data, pts, dts: pts, duration: Math.round(TICKS / rateHz), isKey: true, isCorrupt: false, cameraClockMicros: null };
  };
  /** Of pictures before the first readable one, for whoever reads. */
  const failures: PlatformError[] = [];
  while (parameters === undefined) {
    try {
      ahead = await readOne();
    } catch (error) {
      if (index >= files.length || !(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
      failures.push(error);
    }
  }
  const known = (): StreamParameters => {
    if (parameters === undefined) throw new PlatformError('MEDIA_INVALID', `no readable picture in '${path}'`, { path });
    return parameters;
  };
  return {
    expectedUnits: files.length,
    reader: {
      get parameters() { return known(); },
      durationSeconds: files.length / rateHz,
      async read() {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        const packet = ahead ?? await readOne();
        ahead = undefined;
        return packet;
      },
      interrupt() { index = files.length; },
      async close() { index = files.length; },
    },
  };
}

function parametersOf({ codec, width, height, modality }: StillDescription, rateHz: number): StreamParameters {
  return {
    codec, width, height, extradata: new Uint8Array(0), timeBase: { num: 1, den: TICKS }, framing: 'raw', frameRate: rateHz,
    ...modality !== 'rgb' && { samples: { modality, metresPerStep: null, range: null } },
  };
}

async function readPicture(path: string, signal: AbortSignal): Promise<{ readonly data: Uint8Array; readonly still: StillDescription }> {
  try {
    const { size } = await stat(path);
    if (size > SIZE_MAX) throw new PlatformError('MEDIA_CORRUPT', `${size} bytes are no picture`);
    const data = await readFile(path, { signal });
    return { data, still: describeStill(data) };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new PlatformError('MEDIA_CORRUPT', `picture '${basename(path)}' cannot be read: ${error instanceof Error ? error.message : String(error)}`, { path }, error);
  }
}
