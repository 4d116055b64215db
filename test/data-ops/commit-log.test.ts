import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommitLog } from '../../src/data-ops/commit-log.ts';
import type { CommittedRecord } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { type Dice, diceOf, rollDice } from '../support/dice.ts';
import { detected } from '../support/fake-backend.ts';
import { settle } from '../support/fake-clock.ts';

const CAMERAS = ['busy', 'busy', 'busy', 'busy', 'busy', 'busy', 'rare', 'other'];

/** A store and its log. */
function world(keep: number, before: number): { readonly all: CommittedRecord[]; readonly log: CommitLog; pages: number; commit(cameras: readonly string[]): void } {
  const all: CommittedRecord[] = [];
  const add = (cameras: readonly string[]): CommittedRecord[] => {
    const records = cameras.map((camera, index) => ({ id: all.length + index + 1, record: detected(camera, all.length + index) }));
    all.push(...records);
    return records;
  };
  add(Array.from({ length: before }, (_, index) => CAMERAS[index % CAMERAS.length]!));
  const made = {
    all, pages: 0, commit: (cameras: readonly string[]) => log.push(add(cameras)),
    log: new CommitLog({
      keep, lastId: before,
      page: (after, max, camera) => {
        made.pages += 1;
        return all.filter(({ id, record }) => id > after && (camera === undefined || record.camera === camera)).slice(0, max);
      },
    }),
  };
  const { log } = made;
  return made;
}

async function follow(made: ReturnType<typeof world>, dice: Dice, round: string): Promise<void> {
  const over = new AbortController();
  const readers = Array.from({ length: 6 }, () => {
    const camera = dice.pick([undefined, 'busy', 'rare', 'other', 'nobody']) as CameraId | undefined;
    const after = dice.between(0, made.all.length);
    const slow = dice.chance(0.4);
    const seen: number[] = [];
    const done = (async () => {
      for await (const batch of made.log.follow(after, camera, over.signal)) {
        assert.ok(batch.length > 0 && batch.length <= 256);
        seen.push(...batch.map(({ id }) => id));
        if (slow) await settle(dice.between(0, 6));
      }
    })();
    return { camera, after, seen, done };
  });
  for (let step = 0; step < 60; step += 1) {
    if (dice.chance(0.7)) made.commit(Array.from({ length: dice.between(1, dice.pick([3, 40])) }, () => dice.pick(CAMERAS)));
    if (dice.chance(0.7)) await settle(dice.between(0, 3));
  }
  await settle(300);
  over.abort();
  for (const { camera, after, seen, done } of readers) {
    await done;
    const wanted = made.all.filter(({ id, record }) => id > after && (camera === undefined || record.camera === camera)).map(({ id }) => id);
    assert.equal(seen, wanted, `${round}: camera ${camera ?? 'all'} after ${after}`);
  }
}

test('every reader gets every record it wants once and in order, however far behind it starts or falls', async () => {
  const dice = rollDice('commit log');
  let pages = 0;
  for (let round = 0; round < 30; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const made = world(own.between(1, 40), own.between(0, 600));
    await follow(made, own, `round seed ${seed}`);
    pages += made.pages;
  }
  assert.ok(pages > 30, 'memory was too small often enough');
});

test('a reader of a camera that is rarely heard of costs no query while others are busy', async () => {
  const made = world(8, 0);
  const over = new AbortController();
  const seen: number[] = [];
  const done = (async () => { for await (const batch of made.log.follow(0, 'rare' as CameraId, over.signal)) seen.push(...batch.map(({ id }) => id)); })();
  for (let count = 0; count < 200; count += 1) { made.commit(['busy', 'busy']); await settle(1); }
  made.commit(['rare']);
  await settle();
  assert.equal([made.pages, seen], [0, [401]]);
  over.abort();
  await done;
});

test('a follower whose signal has aborted ends without a record', async () => {
  const made = world(8, 3);
  for await (const _ of made.log.follow(0, undefined, AbortSignal.abort())) assert.unreachable();
});

test.run();
