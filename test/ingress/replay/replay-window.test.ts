import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../../src/engine/units.ts';
import { ReplayWindow, type AssembledAt } from '../../../src/ingress/replay/replay-window.ts';
import { rollDice } from '../../support/dice.ts';

const T0 = 1_795_482_000_000_000;
const PERIOD = 40_000;

function unit(index: number, isKey: boolean): AssembledAt {
  return { data: new Uint8Array(10), timestamp: 0, isKey, isCorrupt: false, mark: undefined, capturedAt: epochMicros(T0 + index * PERIOD) };
}

function through(window: ReplayWindow, units: readonly AssembledAt[]): readonly number[] {
  const given: AssembledAt[] = [];
  for (const each of units) {
    if (window.isOver(each)) break;
    given.push(...window.take(each));
  }
  return given.map(({ capturedAt }) => Math.round((capturedAt - T0) / PERIOD));
}

const at = (index: number, offset = 0): ReturnType<typeof epochMicros> => epochMicros(T0 + index * PERIOD + offset);

test('a device that begins well before: of what is there already, only the GOP that the first wanted unit refers to', () => {
  const window = new ReplayWindow({ from: at(23, 300), to: at(40, -300) });
  const units = Array.from({ length: 60 }, (_, index) => unit(index, index % 10 === 0));
  assert.equal(through(window, units), Array.from({ length: 20 }, (_, index) => 20 + index));
  assert.equal([window.overlap, window.wanted, window.skipped], [4, 16, 20]);
  assert.is(window.lastCapturedAt, at(39));
});

test('nothing overlaps where the gap begins in front of a key frame', () => {
  const window = new ReplayWindow({ from: at(29), to: at(35) });
  assert.equal(through(window, Array.from({ length: 60 }, (_, index) => unit(index, index % 10 === 0))), [30, 31, 32, 33, 34]);
  assert.is(window.overlap, 0);
});

test('a device that begins without a key frame: what cannot be decoded is left out and counted', () => {
  const window = new ReplayWindow({ from: at(2), to: at(99) });
  assert.equal(through(window, Array.from({ length: 20 }, (_, index) => unit(index + 5, (index + 5) % 10 === 0))), Array.from({ length: 15 }, (_, index) => index + 10));
  assert.is(window.skipped, 5);
});

test('every wanted unit is given out once and in order, at most a GOP more, wherever the gap lies', () => {
  const dice = rollDice('replay-window');
  for (let round = 0; round < 300; round += 1) {
    const gop = dice.between(1, 20);
    const length = dice.between(1, 120);
    const begin = dice.between(0, 3) * gop;
    const from = dice.between(begin, begin + length);
    const to = from + dice.between(0, length);
    const window = new ReplayWindow({ from: at(from), to: at(to) });
    const given = through(window, Array.from({ length }, (_, index) => unit(begin + index, (begin + index) % gop === 0)));
    const wanted = Array.from({ length }, (_, index) => begin + index).filter((index) => index > from && index < to);
    assert.equal(given.filter((index) => index > from), wanted, `SEED=${dice.seed} round ${round}`);
    assert.ok(given.length - wanted.length < gop || wanted.length === 0);
    assert.is(window.wanted, wanted.length);
    assert.is(window.overlap, given.length - wanted.length);
    if (given.length > 0) assert.is(given[0]! % gop, 0, 'it begins with a key frame');
    assert.equal(given, given.toSorted((left, right) => left - right));
  }
});

test('a GOP without end is not held', () => {
  const window = new ReplayWindow({ from: at(100_000), to: at(100_010) });
  for (let index = 0; index < 50_000; index += 1) assert.is(window.take(unit(index, index === 0)).length, 0);
  assert.ok(window.skipped > 40_000);
});

test.run();
