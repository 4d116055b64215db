import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { definePlugin } from '../engine/registry.ts';
import type { MediaAccess } from './media-access.ts';
import { openPictures } from './picture-folder.ts';
import { isPictureName } from './picture-names.ts';
import { recordedSession } from './recorded-session.ts';
import type { Pass } from './recorded-session.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source } from './source.ts';
import { uriLabel } from '../utility-ops/redact-uri.ts';

/** Options of recorded and generated sources. */
export const playback = {
  isPaced: z.boolean().default(true).describe('True: played in real time, like a camera. False: as fast as it is read.'),
  startedAt: z.iso.datetime({ offset: true }).optional()
    .describe('Event time of PTS 0 (unpaced) or of the first unit (paced). Without it: 1970-01-01T00:00:00Z unpaced, the moment of opening paced.'),
};

const options = z.strictObject({
  ...playback,
  isLooping: z.boolean().default(false).describe('Starts again at its end within one session; time stamps go on.'),
  rateHz: z.number().positive().max(1000).optional().describe('Pictures a second where the file has no time stamps; 1 for pictures, else 25.'),
});

const OPEN_TIMEOUT_MS = 10_000;
const PICTURE_RATE_HZ = 1;

/** A video file, a picture, or a folder of pictures in order of their names. Rotation in the metadata is not applied. */
export const file = definePlugin<Source, SourceDeps, typeof options>({
  type: 'file',
  summary: 'A video file, or a folder of JPEG, PNG, TIFF and FLIR FFF pictures in order of their names; played like a camera or as fast as it is read.',
  options,
  examples: [{}, { isLooping: true }, { isPaced: false, startedAt: '2026-01-31T08:00:00Z' }],
  create(chosen, { uri, ctx, media }) {
    const path = pathOf(uri);
    return {
      label: uriLabel(uri),
      async open(signal) {
        const isOfPictures = await isDirectory(path) || isPictureName(path);
        const rateHz = chosen.rateHz ?? (isOfPictures ? PICTURE_RATE_HZ : undefined);
        const openPass = (until: AbortSignal): Promise<Pass> => isOfPictures
          ? openPictures({ path, rateHz: rateHz ?? PICTURE_RATE_HZ, signal: until })
          : openFile(path, media, until);
        return recordedSession({ ...chosen, rateHz, name: path, clock: ctx.clock, media, openPass }, await openPass(signal));
      },
    };
  },
});

/** Accepts `file:///a/b`, `file://a/b` (as people write it, relative) and plain paths. */
function pathOf(uri: string): string {
  if (!/^file:\/\//i.test(uri)) return resolve(uri);
  try {
    return /^file:\/\/(?:localhost)?\//i.test(uri) ? fileURLToPath(uri) : resolve(decodeURIComponent(uri.slice('file://'.length)));
  } catch (error) {
    throw new PlatformError('CONFIG_INVALID', `'${uri}' is not a file uri`, { uri }, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new PlatformError('SOURCE_NOT_FOUND', `no file or folder at '${path}'`, { path }, error);
  }
}

async function openFile(path: string, media: MediaAccess, signal: AbortSignal): Promise<Pass> {
  const reader = await media.openReader({ uri: path, libavOptions: {}, skipProbe: false, openTimeoutMs: OPEN_TIMEOUT_MS, signal });
  const { durationSeconds, parameters } = reader;
  return { reader, expectedUnits: durationSeconds === null || parameters.frameRate <= 0 ? null : Math.round(durationSeconds * parameters.frameRate) };
}
