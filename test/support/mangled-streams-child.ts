import { createDecoder } from '../../src/media/decoder.ts';
import { createScaler } from '../../src/media/scaler.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Codec, StreamParameters } from '../../src/messages/stream-parameters.ts';
import type { Picture } from '../../src/media/types.ts';
import { encodeClip } from './encoded-clip.ts';

/** Decodes and scales clips with flipped, cut, repeated and swapped bytes. Arguments: seed, rounds for each codec. Sends what came out. */
let state = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 10);
const next = (limit: number): number => (state = (state * 1103515245 + 12345) % 2147483648) % limit;

function mangle(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  switch (next(4)) {
    case 0: return copy.subarray(0, next(copy.length + 1));
    case 1: copy.copyWithin(next(copy.length), next(copy.length), next(copy.length)); return copy;
    default: for (let flips = 1 + next(8); flips > 0; flips--) copy[next(copy.length)] = next(256);
      return copy;
  }
}

const outcome = { pictures: 0, refused: 0, foreign: 0 };
for (const codec of ['h264', 'hevc', 'av1', 'vp8', 'vp9', 'mjpeg', 'mpeg4', 'png'] as const satisfies readonly Codec[]) {
  const clip = encodeClip(codec, { frames: 10, gop: 5, bFrames: codec === 'h264' || codec === 'hevc' ? 2 : 0 });
  for (let round = 0; round < rounds; round++) {
    const extradata = round % 4 === 0 && clip.parameters.extradata.length > 0 ? mangle(clip.parameters.extradata) : clip.parameters.extradata;
    await decodeMangled({ ...clip.parameters, extradata }, clip.units);
  }
}
process.send?.(outcome);

async function decodeMangled(parameters: StreamParameters, units: readonly { readonly data: Uint8Array; readonly isKey: boolean }[]): Promise<void> {
  const decoder = await createDecoder(parameters, { threads: 1 + next(2) }).catch(count);
  if (decoder === undefined) return;
  const scaler = createScaler({ width: 48, height: 48, fit: 'letterbox', align: 'center', padValue: 0, channels: next(2) === 0 ? 'rgb' : 'gray' });
  const take = (pictures: readonly Picture[]): void => {
    for (const picture of pictures) {
      try {
        scaler.scale(picture);
        outcome.pictures++;
      } catch (error) {
        count(error);
      }
      picture.free();
    }
  };
  for (const [frameSeq, unit] of units.entries()) {
    try {
      take(decoder.decode({ frameSeq, isKey: unit.isKey, data: next(2) === 0 ? mangle(unit.data) : unit.data }));
    } catch (error) {
      count(error);
    }
  }
  take(decoder.flush());
  decoder.close();
  scaler.close();
}

function count(error: unknown): undefined {
  if (error instanceof PlatformError) outcome.refused++;
  else outcome.foreign++;
}
