import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PartitionProgress } from '../../../src/data-ops/progress/partition-progress.ts';
import type { Ending, TrackedPart } from '../../../src/data-ops/progress/tracked-part.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import { diceOf, rollDice } from '../../support/dice.ts';
import { PartitionWorld, type PartitionTrouble } from '../../support/partition-world.ts';

const GENTLE: PartitionTrouble = {
  cameras: 3, gopMax: 12, maxRewindMs: Number.POSITIVE_INFINITY, heldMax: 6, openShare: 0, repeatShare: 0.1, epochShare: 0.02, zombieShare: 0, holeShare: 0,
  retentionShare: 0, hostCrashShare: 0.4, childCrashShare: 0.7, isGentle: true,
};

/** What a world with these troubles did wrong. */
function faultsOf(seed: number, trouble: PartitionTrouble, steps: number): { readonly world: PartitionWorld; readonly faults: readonly string[] } {
  const world = new PartitionWorld(diceOf(seed), trouble);
  for (let step = 0; step < steps; step += 1) world.step();
  world.finish();
  const faults = [...world.faults];
  const isKept = trouble.retentionShare === 0; // else the first of a repeated frame may be gone
  for (const [key, count] of world.committed) {
    if (count !== 1) faults.push(`${key} has ${count} records`);
    if (!world.appended.has(key) && world.reasons.get(key) !== 'expired') faults.push(`${key} has a record and never was`);
    if (world.reasons.get(key) === 'superseded' && isKept && !wasSuperseded(world, key)) faults.push(`${key} was not superseded`);
  }
  if (isKept) {
    for (const key of world.appended.keys()) if (!world.committed.has(key)) faults.push(`${key} has no record`);
    if (world.inFlight !== 0) faults.push(`${world.inFlight} frames are still in flight`);
    if (world.commitOffset !== world.endOffset) faults.push(`the group stands at ${world.commitOffset} of ${world.endOffset}`);
  }
  return { world, faults };
}

/** A newer session of its camera had begun when the frame came first. */
function wasSuperseded(world: PartitionWorld, key: string): boolean {
  const [camera, epoch] = key.split('/');
  const cameAt = world.appended.get(key) ?? -1;
  return [...world.firstOffsetOf].some(([session, offset]) => {
    const [other, newer] = session.split('/');
    return other === camera && Number(newer) > Number(epoch) && offset < cameAt;
  });
}

function checkSeeds(name: string, count: number, troubleOf: (seed: number) => PartitionTrouble, steps = 400): { crashes: number; rewinds: number; reasons: Set<string> } {
  const first = rollDice(name).seed;
  const seen = { crashes: 0, rewinds: 0, reasons: new Set<string>() };
  for (let seed = first; seed < first + count; seed += 1) {
    const { world, faults } = faultsOf(seed, troubleOf(seed), steps);
    if (faults.length > 0) assert.unreachable(`SEED=${seed}: ${faults.slice(0, 5).join('; ')}`);
    seen.crashes += world.crashes;
    seen.rewinds += world.rewinds;
    for (const reason of world.reasons.values()) seen.reasons.add(reason);
  }
  return seen;
}

test('every frame gets exactly one record, and none is lost to a crash while decoding can start over', () => {
  const seen = checkSeeds('gentle', 400, seed => ({ ...GENTLE, gopMax: seed % 2 === 0 ? 12 : 120, openShare: seed % 3 === 0 ? 0.5 : 0 }));
  assert.ok(seen.crashes > 400 && seen.rewinds > 400, 'the schedule has crashes');
  assert.equal([...seen.reasons].sort(), ['rate']);
});

test('every frame gets exactly one record with repeats, sessions that end elsewhere, holes and bounded rewinds', () => {
  const seen = checkSeeds('rough', 800, seed => {
    const dice = diceOf(seed);
    return {
      cameras: dice.between(1, 4), gopMax: dice.pick([0, 5, 30, 200]), maxRewindMs: dice.pick([0, 1_000, 10_000, 1e9]), heldMax: dice.pick([0, 3, 20]),
      openShare: dice.pick([0, 0.5]), repeatShare: dice.pick([0, 0.3]), epochShare: dice.pick([0.005, 0.1]), zombieShare: dice.pick([0, 0.3]),
      holeShare: dice.pick([0, 0.05]), retentionShare: 0, hostCrashShare: dice.pick([0.1, 0.5]), childCrashShare: dice.pick([0, 0.5]), isGentle: false,
    };
  });
  assert.equal([...seen.reasons].sort(), ['expired', 'rate', 'superseded', 'undecodable']);
});

test('a camera that connects again and again keeps its exactly one record per frame, also of sessions that come late', () => {
  checkSeeds('sessions', 60, seed => ({ ...GENTLE, cameras: 1 + seed % 2, epochShare: 0.3, zombieShare: 0.3, zombieAge: 20, isGentle: false }), 1_500);
});

test('records that retention took away leave no frame with two records, and none of those behind them without one', () => {
  checkSeeds('retention', 300, seed => ({ ...GENTLE, cameras: 1 + seed % 3, zombieShare: 0.1, maxRewindMs: 5_000, retentionShare: 1, hostCrashShare: 0.3, isGentle: false }));
});

test('what its camera node handed over late is caught up with, as is what lay in the partition when it was taken over', () => {
  const progress = new PartitionProgress<TrackedPart, Ending>({ group: 'g', maxRewindMs: 1_000, isClosedStart: () => true });
  progress.start({ positions: [], committedOffset: 0, endOffset: 1, feed: 1 });
  const isLate = (offset: number, fields: Partial<TrackedPart>): readonly boolean[] => progress.accept({
    offset, timestampMs: 10,
    part: { camera: 'cam' as CameraId, epoch: 1, units: [{ frameSeq: offset, isKey: true, capturedAt: epochMicros(0) }], isEpochEnd: false, ...fields },
  }).map(({ isRecovered }) => isRecovered);
  assert.equal(isLate(0, {}), [true]);
  assert.equal(isLate(1, {}), [false]);
  assert.equal(isLate(2, { isRecovered: true, isEpochEnd: true }), [true, true]);
});

test.run();
