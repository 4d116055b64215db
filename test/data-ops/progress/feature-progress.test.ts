import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FeatureProgress } from '../../../src/data-ops/progress/feature-progress.ts';
import type { TrackedPart } from '../../../src/data-ops/progress/tracked-part.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { CameraPosition } from '../../../src/messages/position.ts';
import type { DroppedRecord } from '../../../src/messages/terminal-record.ts';
import { diceOf, rollDice, type Dice } from '../../support/dice.ts';

interface Feature extends TrackedPart { readonly base: number }
interface Ended { readonly camera: CameraId; readonly epoch: number; readonly frameSeq: number }
interface Reader { feed: number; last: string; readonly waiting: Ended[] }

/** Features of some cameras in one partition: out of order, with holes, most of them differences to the one before. */
class FeatureWorld {
  readonly counts = new Map<string, number>();
  readonly faults: string[] = [];
  readonly written: string[] = [];
  readonly #dice: Dice;
  readonly #maxRewindMs: number;
  readonly #log: { readonly offset: number; readonly timestampMs: number; readonly part: Feature }[] = [];
  readonly #positions = new Map<CameraId, CameraPosition>();
  readonly #cameras = new Map<CameraId, { epoch: number; next: number; last: number; sinceBase: number; later: number[] }>();
  #readers = new Map<CameraId, Reader>();
  #committed = 0;
  #nowMs = 1e6;
  #feed = 0;
  #at = 0;
  progress: FeatureProgress<Feature, Ended | DroppedRecord>;

  constructor(dice: Dice, cameras: number, maxRewindMs: number) {
    this.#dice = dice;
    this.#maxRewindMs = maxRewindMs;
    for (let index = 0; index < cameras; index += 1) this.#cameras.set(`cam-${index}` as CameraId, { epoch: 1, next: 0, last: -1, sinceBase: 0, later: [] });
    this.progress = this.#takeOver();
  }

  step(): void {
    const roll = this.#dice.between(0, 99);
    if (roll < 35) this.#write();
    else if (roll < 70) this.#read();
    else if (roll < 85) this.#answer(false);
    else if (roll < 96) this.#commit(false);
    else if (roll < 98) {
      this.#commit(this.#dice.chance(0.5));
      this.#readers = new Map();
      this.progress = this.#takeOver();
    } else {
      this.#readers = new Map();
      this.#at = this.progress.rewind([...this.progress.cameras], this.#feed += 1);
    }
  }

  finish(): void {
    while (this.#at < this.#log.length) this.#read();
    this.#answer(true);
    this.#commit(false);
    for (const key of this.written) if (this.counts.get(key) !== 1) this.faults.push(`${key} has ${this.counts.get(key) ?? 0} records`);
    if (this.progress.commitOffset !== this.#log.length) this.faults.push(`the group stands at ${this.progress.commitOffset} of ${this.#log.length}`);
  }

  #takeOver(): FeatureProgress<Feature, Ended | DroppedRecord> {
    const progress = new FeatureProgress<Feature, Ended | DroppedRecord>({ group: 'g', maxRewindMs: this.#maxRewindMs });
    this.#at = progress.start({ positions: [...this.#positions.values()], committedOffset: this.#committed, endOffset: this.#log.length, feed: this.#feed += 1 });
    return progress;
  }

  #write(): void {
    this.#nowMs += this.#dice.between(0, 300);
    const [camera, state] = this.#dice.pick([...this.#cameras]);
    if (this.#dice.chance(0.02)) Object.assign(state, { epoch: state.epoch + 1, next: 0, last: -1, later: [] });
    if (state.later.length === 0) {
      const group = Array.from({ length: this.#dice.between(1, 4) }, (_, index) => state.next + index).filter(() => this.#dice.chance(0.8));
      state.next += 4;
      state.later = group.sort(() => this.#dice.between(-1, 1));
    }
    const frameSeq = state.later.shift();
    if (frameSeq === undefined) return;
    const isKey = state.last < 0 || state.sinceBase > 6 || this.#dice.chance(0.05);
    const unit = { frameSeq, isKey, capturedAt: epochMicros(0) };
    this.#log.push({ offset: this.#log.length, timestampMs: this.#nowMs, part: { camera, epoch: state.epoch, units: [unit], isEpochEnd: false, base: isKey ? -1 : state.last } });
    this.written.push(`${camera}/${state.epoch}/${frameSeq}`);
    state.sinceBase = isKey ? 0 : state.sinceBase + 1;
    state.last = frameSeq;
  }

  #read(): void {
    const record = this.#log[this.#at];
    if (!record) return;
    this.#at += 1;
    for (const { part, isAccounted, feed } of this.progress.accept(record)) {
      const { camera, epoch, base } = part;
      let reader = this.#readers.get(camera);
      if (!reader || feed > reader.feed) this.#readers.set(camera, reader = { feed, last: '', waiting: [] });
      const frameSeq = part.units[0]!.frameSeq;
      if (base >= 0 && reader.last !== `${epoch}/${base}`) {
        if (!isAccounted && this.#maxRewindMs > 1e8) this.faults.push(`${camera}/${epoch}/${frameSeq} lacks ${base}, the last one is ${reader.last}`);
      }
      reader.last = `${epoch}/${frameSeq}`;
      if (!isAccounted) reader.waiting.push({ camera, epoch, frameSeq });
    }
  }

  #answer(isAll: boolean): void {
    for (const [camera, { waiting }] of this.#readers) {
      while (waiting.length > 0 && (isAll || this.#dice.chance(0.6))) {
        const [one] = waiting.splice(this.#dice.between(0, Math.min(2, waiting.length - 1)), 1);
        const { epoch, frameSeq } = one!;
        if (this.#dice.chance(0.3)) this.progress.ended({ kind: 'dropped', camera, epoch, from: frameSeq, to: frameSeq, reason: 'stale', isIntentional: false, capturedAt: epochMicros(0) });
        else this.progress.ended(one!);
        if (this.#dice.chance(0.1)) this.progress.ended(one!);
      }
    }
  }

  #commit(isLost: boolean): void {
    const taken = this.progress.take();
    if (!taken || isLost) return;
    if (taken.commitOffset < this.#committed) this.faults.push('the group went back');
    this.#committed = taken.commitOffset;
    for (const position of taken.positions) this.#positions.set(position.camera, position);
    for (const record of taken.records) {
      const { from, to } = 'from' in record ? record : { from: record.frameSeq, to: record.frameSeq };
      for (let frameSeq = from; frameSeq <= to; frameSeq += 1) {
        const key = `${record.camera}/${record.epoch}/${frameSeq}`;
        this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
      }
    }
  }
}

for (const [name, maxRewindMs] of [['and is read again from one that is whole', 1e9], ['however short the rewind', 500]] as const) {
  test(`every feature gets exactly one record through crashes and replaced processes, ${name}`, () => {
    const first = rollDice(`features ${maxRewindMs}`).seed;
    for (let seed = first; seed < first + 300; seed += 1) {
      const world = new FeatureWorld(diceOf(seed), 1 + seed % 4, maxRewindMs);
      for (let step = 0; step < 400; step += 1) world.step();
      world.finish();
      if (world.faults.length > 0) assert.unreachable(`SEED=${seed}: ${world.faults.slice(0, 5).join('; ')}`);
    }
  });
}

test('a feature that comes a second time before the first is committed is discarded', () => {
  const progress = new FeatureProgress<Feature, Ended | DroppedRecord>({ group: 'g', maxRewindMs: 1e9 });
  const part: Feature = { camera: 'a' as CameraId, epoch: 1, units: [{ frameSeq: 3, isKey: true, capturedAt: epochMicros(0) }], isEpochEnd: false, base: -1 };
  progress.start({ positions: [], committedOffset: 0, endOffset: 0, feed: 1 });
  assert.is(progress.accept({ offset: 0, timestampMs: 1, part }).length, 1);
  assert.is(progress.accept({ offset: 1, timestampMs: 1, part }).length, 0);
  assert.is(progress.takeRepeats(), 1);
});

test.run();
