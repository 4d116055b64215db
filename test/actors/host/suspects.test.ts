import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recordKey, Suspects } from '../../../actors/host/suspects.ts';

const key = (offset: number): ReturnType<typeof recordKey> => recordKey(0, offset);

/** Feeds the offsets in order until `poison` kills the process, one at a time where that is asked for. */
function life(suspects: Suspects, offsets: readonly number[], poison: number): void {
  for (const offset of offsets) {
    if (suspects.isGuilty(key(offset))) continue;
    suspects.fed(key(offset));
    if (suspects.isCareful && offset !== poison) suspects.done(key(offset));
    else if (suspects.isCareful) break;
  }
  if (!suspects.isCareful) suspects.done(key(offsets[0] ?? 0));
  suspects.died();
}

test('the record that processes die with is found after two deaths with many suspects and as many alone as were to be tried', () => {
  const suspects = new Suspects(3);
  for (let deaths = 1; deaths <= 5; deaths += 1) {
    assert.is(suspects.isGuilty(key(4)), false);
    life(suspects, [1, 2, 3, 4, 5, 6], 4);
  }
  assert.equal([1, 2, 3, 4, 5, 6].filter(offset => suspects.isGuilty(key(offset))), [4]);
  life(suspects, [1, 2, 3, 5, 6], -1);
  assert.is(suspects.isCareful, false);
});

test('a process that never does anything is not blamed on the first record for long', () => {
  const suspects = new Suspects(3);
  for (let deaths = 1; deaths <= 8; deaths += 1) {
    suspects.fed(key(1));
    suspects.died();
    assert.is(suspects.isGuilty(key(1)), false);
  }
  suspects.fed(key(1));
  suspects.died();
  assert.ok(suspects.isGuilty(key(1)));
});

test('a record that a later process is through with is free of suspicion, and so is one of a partition that went away', () => {
  const suspects = new Suspects(3);
  for (const offset of [1, 2]) suspects.fed(key(offset));
  suspects.died();
  for (const offset of [1, 2]) suspects.fed(key(offset));
  suspects.died();
  assert.ok(suspects.isCareful);
  suspects.done(key(1));
  suspects.forget(0);
  assert.is(suspects.isCareful, false);
});

test.run();
