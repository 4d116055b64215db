import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countOf } from '../../src/data-ops/interval-set.ts';
import { type Dice, diceOf, rollDice } from '../support/dice.ts';
import { FeederWorld, type Trouble } from '../support/feeder-world.ts';

const ROUNDS = 24;
const STEPS = 120;
const EASY: Trouble = { maxItems: 6, maxBytes: 160, maxRewindMs: 1e9, indexLagMs: 0, diskLagMs: 0, expiredShare: 0, damagedShare: 0, isReframed: false };

function judgeFeeds(world: FeederWorld, name: string): void {
  for (const { feed, parts } of world.seen) {
    let epoch = -1;
    let previous = -1;
    let wanted = -1;
    let framing = '';
    let isOver = false;
    for (const part of parts) {
      const where = `${name}: feed ${feed} epoch ${part.epoch} frame ${part.units[0]?.frameSeq ?? 'end'}`;
      assert.ok(part.epoch >= epoch, `${where}: epochs in order`);
      if (part.epoch > epoch) { epoch = part.epoch; previous = -1; wanted = -1; isOver = false; }
      assert.not.ok(isOver, `${where}: nothing after the end of an epoch, which comes once`);
      if (framing !== part.parameters.framing && part.units.length > 0) { framing = part.parameters.framing; previous = -1; }
      for (const unit of part.units) {
        if (previous < 0 || unit.frameSeq !== previous + 1) assert.ok(unit.isKey, `${where}: starts, and goes on after a hole, at a key frame (before: ${previous})`);
        assert.ok(unit.frameSeq > previous, `${where}: in order, each once (before: ${previous})`);
        previous = unit.frameSeq;
        if (part.isAccounted) continue;
        assert.ok(unit.frameSeq > wanted, `${where}: wanted once (before: ${wanted})`);
        wanted = unit.frameSeq;
      }
      isOver = part.isEpochEnd;
    }
  }
}

function holesIn(world: FeederWorld): number {
  let holes = 0;
  for (const { parts } of world.seen) {
    for (let index = 1; index < parts.length; index += 1) {
      const [before, after] = [parts[index - 1]!, parts[index]!];
      if (before.epoch === after.epoch && after.units[0] && before.units[0] && after.units[0].frameSeq > before.units[0].frameSeq + 1) holes += 1;
    }
  }
  return holes;
}

async function live(world: FeederWorld, dice: Dice, steps: number): Promise<void> {
  const hold = dice.between(0, 3);
  world.startEpoch();
  if (dice.chance(0.7)) world.attach();
  for (let step = 0; step < steps; step += 1) {
    if (world.isRecording) for (let count = dice.between(0, 4); count > 0; count -= 1) world.record();
    if (dice.chance(0.05)) world.endEpoch();
    if (dice.chance(world.isRecording ? 0.02 : 0.3)) world.startEpoch();
    if (dice.chance(0.04)) world.crash();
    if (dice.chance(world.hasConsumer ? 0.02 : 0.15)) world.attach();
    world.consume(dice.chance(0.3) ? 0 : dice.between(0, 8), hold);
    if (dice.chance(0.5)) await world.clock.advance(dice.between(0, 120));
    assert.ok(world.feeder.depth.items <= 6 && world.feeder.depth.bytes <= 160, 'memory stays within its bounds');
  }
  world.endEpoch();
}

/** Reads on until nothing is under way. */
async function calm(world: FeederWorld, name: string): Promise<void> {
  world.isBreaking = false;
  world.attach();
  for (let turn = 0; turn < 400; turn += 1) {
    world.consume(1000, 0);
    await world.clock.advance(60);
    if (world.isQuiet && turn > 20) break;
  }
  assert.ok(world.isQuiet, `${name}: is drained in the end`);
}

async function play(dice: Dice, trouble: Trouble, name: string): Promise<FeederWorld> {
  const world = new FeederWorld(dice, trouble);
  if (dice.chance(0.5)) world.inherit(1, dice.between(1, 30));
  await live(world, dice, STEPS);
  await calm(world, name);
  judgeFeeds(world, name);
  for (const epoch of world.frames.keys()) assert.equal(world.missing(epoch), [], `${name}: every durable frame of epoch ${epoch} has a record`);
  await world.close();
  return world;
}

test('every durable frame ends once, whatever consumers, the index and the archive do', async () => {
  const dice = rollDice('feeder');
  let dropped = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const trouble: Trouble = {
      ...EASY, maxRewindMs: own.pick([400, 2_000, 1e9]), indexLagMs: own.pick([0, 50, 700]), diskLagMs: own.pick([0, 0, 90]),
      isReframed: own.chance(0.5), expiredShare: own.pick([0, 0, 0.3]), damagedShare: own.pick([0, 0, 0.3]),
    };
    const world = await play(own, trouble, `round seed ${seed}`);
    dropped += world.dropped.length;
    const isWhole = trouble.expiredShare + trouble.damagedShare === 0;
    if (isWhole && trouble.maxRewindMs === 1e9) assert.equal(world.dropped, [], `round seed ${seed}: nothing is dropped without a cause`);
  }
  assert.ok(dropped > 0, 'the game was hard enough');
});

test('loses nothing and leaves no hole while the archive is whole and nothing is too old', async () => {
  const dice = rollDice('feeder without loss');
  let readBacks = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const world = await play(own, { ...EASY, indexLagMs: own.pick([0, 50, 700]), diskLagMs: own.pick([0, 0, 90]), isReframed: own.chance(0.5) }, `round seed ${seed}`);
    assert.equal(world.dropped, [], `round seed ${seed}: nothing is dropped`);
    assert.is(holesIn(world), 0, `round seed ${seed}: no hole within a feed`);
    for (const [epoch, frames] of world.frames) assert.is(countOf(world.detectedOf.get(epoch)?.ranges() ?? []), frames.length);
    readBacks += world.readBacks;
  }
  assert.ok(readBacks > ROUNDS, 'memory was too small often enough');
});

test.run();
