import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ActivityGate, type Verdict, type WakeCause } from '../../../src/feature-ops/activity/activity-gate.ts';
import type { PictureKind } from '../../../src/feature-ops/activity/picture-kind.ts';
import { type Dice, diceOf } from '../../support/dice.ts';

const FPS = 25;

/** Sizes of pictures as one kind of encoder makes them, by place in the GOP; `moving` while something of a percent of the picture moves. */
interface Encoder { readonly gop: number; size(position: number, isMoving: boolean, dice: Dice): { readonly kind: PictureKind; readonly sizeBytes: number } }

/** Constant quality, sensor noise: 1.8 kB of P pictures behind 57 kB of key frame, measured on the synthetic yard at CRF 27. */
const CRF: Encoder = {
  gop: 50,
  size: (position, isMoving, dice) => (position === 0 ? { kind: 'key', sizeBytes: 57_000 + dice.between(-300, 300) }
    : { kind: 'p', sizeBytes: 500 + 1300 * Math.min(1, position / 5) + dice.between(-90, 90) + (isMoving ? 600 : 0) }),
};
/** The same with three levels of B pictures. */
const PYRAMID: Encoder = {
  gop: 48,
  size: (position, isMoving, dice) => {
    if (position === 0) return { kind: 'key', sizeBytes: 51_000 };
    const level = position % 4;
    if (level === 1) return { kind: 'p', sizeBytes: 480 + dice.between(-60, 60) + (isMoving ? 550 : 0) };
    return level === 3 ? { kind: 'b', sizeBytes: 22 + dice.between(-3, 8) + (isMoving ? 80 : 0) } : { kind: 'b-unused', sizeBytes: 16 + dice.between(0, 6) + (isMoving ? 60 : 0) };
  },
};
/** Constant bit rate: what moves costs quality, not bytes. */
const CBR: Encoder = { gop: 50, size: (position, _isMoving, dice) => (position === 0 ? { kind: 'key', sizeBytes: 58_000 } : { kind: 'p', sizeBytes: dice.between(2_000, 12_000) }) };

/** Plays `seconds` of a camera; who looks is answered at once. */
class Play {
  readonly dice = diceOf(11);
  readonly causes: WakeCause[] = [];
  readonly gate = new ActivityGate({ probeHz: 2, holdMs: 500 }, cause => this.causes.push(cause));
  readonly encoder: Encoder;
  #frame = 0;

  get nowMs(): number { return this.#frame * 1000 / FPS; }

  constructor(encoder: Encoder) {
    this.encoder = encoder;
  }

  run(seconds: number, options: { readonly isMoving?: boolean; readonly isFound?: boolean } = {}): Record<Verdict, number> {
    const counts = { open: 0, look: 0, hold: 0 };
    for (const end = this.#frame + seconds * FPS; this.#frame < end; this.#frame += 1) {
      const picture = this.encoder.size(this.#frame % this.encoder.gop, options.isMoving ?? false, this.dice);
      const atMs = this.#frame * 1000 / FPS;
      const verdict = this.gate.take({ ...picture, atMs, isLate: false }, true);
      counts[verdict] += 1;
      if (verdict !== 'hold') this.gate.answer(atMs, options.isFound ?? options.isMoving ?? false ? 0.01 : 0, verdict === 'look');
    }
    return counts;
  }
}

for (const [name, encoder] of [['constant quality', CRF], ['a B-pyramid', PYRAMID]] as const) {
  test(`with ${name} a still scene is quiet, and what moves opens the gate within half a second`, () => {
    const play = new Play(encoder);
    play.run(30);
    assert.is(play.gate.state, 'quiet');
    assert.ok(play.gate.status.score > 1);
    const quiet = play.run(120);
    assert.ok(quiet.open === 0 && quiet.look <= 45, JSON.stringify(quiet));
    const before = play.run(1);
    assert.is(before.open, 0);
    const moving = play.run(3, { isMoving: true });
    assert.ok(moving.open >= 3 * FPS - 13, `${moving.open} of ${3 * FPS}`);
    assert.equal(play.causes, ['sizes']);
    play.run(8);
    assert.is(play.gate.state, 'quiet', 'and closes when it has gone');
  });
}

test('at constant bit rate sizes are not relied on, and pictures are looked at by the clock', () => {
  const play = new Play(CBR);
  play.run(40);
  assert.equal([play.gate.state, play.gate.reason], ['probing', 'no-signal']);
  const still = play.run(60);
  assert.ok(still.open === 0 && still.look >= 90 && still.look <= 130, JSON.stringify(still));
  const moving = play.run(10, { isMoving: true });
  assert.ok(moving.open >= 9 * FPS, `${moving.open}`);
  assert.equal(play.causes, ['look']);
});

test('something that stands still keeps the gate open as long as the detector finds it', () => {
  const play = new Play(CRF);
  play.run(30);
  play.run(2, { isMoving: true });
  const standing = play.run(60, { isFound: true });
  assert.is(standing.open, 60 * FPS);
  play.run(3);
  assert.is(play.gate.state, 'quiet');
});

test('where a scene moves without anything that the detector knows, that is learnt as still', () => {
  const play = new Play(CRF);
  play.run(30);
  const windy = play.run(120, { isMoving: true, isFound: false });
  const later = play.run(60, { isMoving: true, isFound: false });
  assert.ok(later.open < windy.open, `${later.open} of 60 s, after ${windy.open} of 120 s`);
  assert.is(later.open, 0);
});

test('sizes that do not tell of arrivals are not relied on any longer, until they do again', () => {
  const play = new Play(CRF);
  play.run(30);
  const { gate } = play;
  const visit = (isMoving: boolean): void => {
    while (gate.state !== 'active') play.run(1 / FPS, { isMoving, isFound: true });
    gate.answer(play.nowMs - 2_500, 0.01, false); // caught up with: it was there before
    play.run(1, { isMoving, isFound: true });
    play.run(10);
  };
  for (let count = 0; count < 4; count += 1) visit(false);
  assert.equal([gate.state, gate.reason], ['probing', 'missed']);
  for (let count = 0; count < 6; count += 1) {
    play.run(1, { isMoving: true, isFound: false }); // it moves, and is found a little later
    visit(true);
  }
  assert.is(gate.state, 'quiet');
});

test('a busy machine has only key frames decoded while it learns', () => {
  const gate = new ActivityGate({ probeHz: 2, holdMs: 500 });
  const dice = diceOf(2);
  let decoded = 0;
  for (let frame = 0; frame < 1000; frame += 1) {
    const verdict = gate.take({ ...CRF.size(frame % 50, false, dice), atMs: frame * 40, isLate: true }, true);
    if (verdict === 'hold') continue;
    if (frame > 50) decoded += 1;
    gate.answer(frame * 40, 0, verdict === 'look');
  }
  assert.ok(decoded <= 20, `${decoded}`);
  assert.is(gate.state, 'quiet');
});

test('answers that never come do not stop it from looking', () => {
  const play = new Play(CRF);
  play.run(30);
  let looks = 0;
  for (let frame = 0; frame < 60 * FPS; frame += 1) {
    if (play.gate.take({ ...CRF.size(frame % 50, false, play.dice), atMs: 30_000 + frame * 40, isLate: false }, true) === 'look') looks += 1;
  }
  assert.ok(looks >= 10, `${looks} looks in a minute`);
});

test.run();
