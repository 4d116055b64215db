import { existsSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sceneGraph } from '../../src/ingress/scene-graph.ts';
import { truthAt, type TrueBox } from '../../src/ingress/scene.ts';
import { makeScene } from '../../src/ingress/scenes/index.ts';
import { createChunkWriter, openGeneratedReader } from '../../src/media/index.ts';

/** A film of the drawn street at 25 pictures a second, each with its number in its upper left corner. */
export interface CountedStreet {
  readonly path: string;
  readonly frames: number;
  readonly fps: number;
  /** What is to be seen on a picture, but for what is under its number. */
  truth(frame: number): readonly TrueBox[];
}

const FPS = 25;
const BITS = 10;
const SEED = 3;

/** Stripes of the number: black or white, the lowest bit first. High enough to be read below the label of a box that is drawn on them. */
export const COUNTER = { bits: BITS, width: 24, height: 64 } as const;

/** Encodes the film once for this machine. */
export async function countedStreet({ width, height, frames }: { readonly width: number; readonly height: number; readonly frames: number }): Promise<CountedStreet> {
  const scene = makeScene('street', { width, height, seed: SEED });
  if (scene === undefined) throw new Error('there is a street');
  const path = join(tmpdir(), `visutility-test-counted-${width}x${height}-${frames}-${SEED}.mp4`);
  if (!existsSync(path)) {
    const squares = Array.from({ length: BITS }, (_, bit) => `drawbox=x=${bit * COUNTER.width}:y=0:w=${COUNTER.width}:h=${COUNTER.height}:color=white:t=fill:enable='gte(mod(n\\,${2 ** (bit + 1)})\\,${2 ** bit})'`);
    const black = `drawbox=x=0:y=0:w=${BITS * COUNTER.width}:h=${COUNTER.height}:color=black:t=fill`;
    const reader = await openGeneratedReader({
      graph: [sceneGraph(scene, FPS), black, ...squares].join(','), frameRate: FPS, frames,
      encoder: { codec: 'h264', preset: 'superfast', gop: FPS, bitrate: 6_000_000, extra: { crf: '25', tune: 'zerolatency' } },
    });
    const made = `${path}.${process.pid}.mp4`;
    const writer = await createChunkWriter(made, reader.parameters);
    for (let packet = await reader.read(); packet; packet = await reader.read()) await writer.write(packet);
    await writer.close();
    await reader.close();
    renameSync(made, path);
  }
  const counterWidth = BITS * COUNTER.width;
  return { path, frames, fps: FPS, truth: frame => truthAt(scene, (frame % frames) / FPS).filter(({ x1, y1 }) => x1 > counterWidth || y1 > COUNTER.height) };
}
