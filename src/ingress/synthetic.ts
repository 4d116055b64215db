import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { definePlugin } from '../engine/registry.ts';
import { uriLabel } from '../utility-ops/redact-uri.ts';
import { playback } from './file.ts';
import type { Pass } from './recorded-session.ts';
import { recordedSession } from './recorded-session.ts';
import { sceneGraph } from './scene-graph.ts';
import type { Scene } from './scene.ts';
import { makeScene, SCENES } from './scenes/index.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source } from './source.ts';

const options = z.strictObject(playback);

/** Constant rate factor: low enough to look at, high enough that the noise of a quiet picture costs few bytes. */
const QUALITY = '27';
/** Caps the bit rate far above what the scenes take, so that packet sizes follow what moves. */
const BITS_PER_PIXEL_MAX = 2;
/** Seconds between key frames. */
const KEY_SECONDS = 2;

const query = z.strictObject({
  size: z.string().regex(/^\d{2,4}x\d{2,4}$/, 'expected WIDTHxHEIGHT').default('640x360'),
  fps: z.coerce.number().min(1).max(120).default(15),
  seed: z.coerce.number().int().min(0).max(4_294_967_295).default(1),
  frames: z.coerce.number().int().min(1).optional(),
});

/** A scene as a URI names it. */
export interface SyntheticRequest {
  readonly scene: Scene;
  readonly frameRate: number;
  /** Undefined: endless. */
  readonly frames: number | undefined;
}

/**
 * Reads `synthetic://street?size=640x360&fps=15&seed=1&frames=100`; every part of the query may be left out.
 * @throws PlatformError CONFIG_INVALID naming the wrong part, or listing the scenes there are
 */
export function parseSyntheticUri(uri: string): SyntheticRequest {
  const [, name = '', parameters = ''] = /^synthetic:\/\/([^/?#]*)\/?(?:\?(.*))?$/i.exec(uri) ?? [];
  const checked = query.safeParse(Object.fromEntries(new URLSearchParams(parameters)));
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw new PlatformError('CONFIG_INVALID', `'${uri}': ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid query'}`, { uri }, checked.error);
  }
  const [width = 0, height = 0] = checked.data.size.split('x').map(Number);
  if (width % 2 !== 0 || height % 2 !== 0 || width < 64 || height < 64) throw new PlatformError('CONFIG_INVALID', `'${uri}': size: ${width}x${height} is not even or below 64x64`, { uri });
  const scene = makeScene(name.toLowerCase(), { width, height, seed: checked.data.seed });
  if (scene === undefined) throw new PlatformError('CONFIG_INVALID', `unknown scene '${name}' (known: ${[...SCENES.keys()].join(', ')})`, { uri });
  return { scene, frameRate: checked.data.fps, frames: checked.data.frames };
}

/** A drawn scene with people, cars and a ball, whose contents are known at any time. */
export const synthetic = definePlugin<Source, SourceDeps, typeof options>({
  type: 'synthetic',
  summary: 'A drawn scene, `synthetic://street` or `synthetic://yard` with ?size=640x360&fps=15&seed=1&frames=N: for trying things out without a camera.',
  options,
  examples: [{}, { isPaced: false }],
  create(chosen, { uri, ctx, media }) {
    const { scene, frameRate, frames } = parseSyntheticUri(uri);
    const openPass = async (): Promise<Pass> => {
      const reader = await media.openGeneratedReader({
        graph: sceneGraph(scene, frameRate), frameRate, ...(frames === undefined ? {} : { frames }),
        encoder: {
          codec: 'h264', preset: 'superfast', gop: Math.max(1, Math.round(KEY_SECONDS * frameRate)),
          bitrate: Math.ceil(BITS_PER_PIXEL_MAX * scene.width * scene.height * frameRate), extra: { crf: QUALITY, tune: 'zerolatency' },
        },
      });
      return { reader, expectedUnits: frames ?? null };
    };
    return {
      label: uriLabel(uri),
      async open(signal) {
        signal.throwIfAborted();
        return recordedSession({ ...chosen, isLooping: false, rateHz: frameRate, name: uri, clock: ctx.clock, media, openPass }, await openPass());
      },
    };
  },
});
