import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import type { FrameDecoder, Picture, Scaler } from '../../src/media/types.ts';
import type { Feature } from '../../src/messages/feature.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { Dice } from './dice.ts';

const FRAME: ModelFrame = { pixels: new Uint8Array(3), width: 1, height: 1, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 1, sourceHeight: 1 };

/** What a decoder does wrong. */
export interface Habits { readonly hold: number; readonly corrupt: number; readonly swallow: number; readonly unscalable: number; readonly badFlush: number }
/** A decoder as it should be. */
export const PERFECT: Habits = { hold: 0, corrupt: 0, swallow: 0, unscalable: 0, badFlush: 0 };

/** Decoders that reorder, hold back, refuse and swallow; counts what is not freed. */
export class FakeMedia {
  live = 0;
  open = 0;
  made = 0;
  nowMs = 0;
  readonly #dice: Dice;
  readonly #habits: Habits;

  constructor(dice: Dice, habits: Habits) {
    this.#dice = dice;
    this.#habits = habits;
  }

  readonly scaler: Scaler = {
    scale: () => {
      if (this.#dice.chance(this.#habits.unscalable)) throw new PlatformError(this.#dice.pick(['MEDIA_CORRUPT', 'MEDIA_UNSUPPORTED']), 'no picture');
      return FRAME;
    },
    close: () => {},
  };

  decoder(): FrameDecoder {
    this.open += 1;
    this.made += 1;
    const held: number[] = [];
    let needsKey = true;
    const give = (count: number): Picture[] => {
      const out: Picture[] = [];
      while (out.length < count && held.length > 0) {
        const [frameSeq] = held.splice(this.#dice.between(0, Math.min(2, held.length - 1)), 1);
        let isFreed = false;
        this.live += 1;
        out.push({ frameSeq: frameSeq!, width: 1, height: 1, free: () => { assert.not.ok(isFreed, 'freed once'); isFreed = true; this.live -= 1; } });
      }
      return out;
    };
    return {
      decode: unit => {
        assert.ok(!needsKey || unit.isKey, 'a decoder starts at a key frame');
        needsKey = false;
        if (this.#dice.chance(this.#habits.corrupt)) throw new PlatformError('MEDIA_CORRUPT', 'damaged');
        if (!this.#dice.chance(this.#habits.swallow)) held.push(unit.frameSeq);
        return give(held.length - this.#habits.hold);
      },
      flush: () => {
        if (this.#dice.chance(this.#habits.badFlush)) throw new PlatformError('MEDIA_CORRUPT', 'damaged');
        return give(held.length);
      },
      close: () => { this.open -= 1; },
    };
  }
}

/** Counts how often each frame of an epoch ended. */
export function endings(features: readonly Feature[], epoch: number): Map<number, number> {
  const ends = new Map<number, number>();
  for (const feature of features) {
    if (feature.epoch !== epoch) continue;
    const [from, to] = feature.kind === 'frame' ? [feature.frameSeq, feature.frameSeq] : [feature.from, feature.to];
    for (let seq = from; seq <= to; seq += 1) ends.set(seq, (ends.get(seq) ?? 0) + 1);
  }
  return ends;
}
