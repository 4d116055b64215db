import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionsOf } from '../support/chunk-topic.ts';
import { eventually } from '../support/eventually.ts';
import { rollDice } from '../support/dice.ts';
import { SpoolWorld } from '../support/spool-world.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the archive as the spool of Kafka');

/** Sessions of the topic as `epoch: frames`, after checking that each is contiguous and in order. */
async function topicOf(world: SpoolWorld): Promise<{ readonly frames: Readonly<Record<number, number>>; readonly repeats: number; readonly over: readonly number[] }> {
  const sessions = sessionsOf(await world.topic());
  assert.equal(sessions.flatMap(({ problems }) => problems), []);
  return {
    frames: Object.fromEntries(sessions.map(({ epoch, frames }) => [epoch, frames])), repeats: sessions.reduce((sum, { repeats }) => sum + repeats, 0),
    over: sessions.filter(({ isOver }) => isOver).map(({ epoch }) => epoch),
  };
}

test('frames are handed over in order, and the ledger says so', async () => {
  const world = new SpoolWorld(temporaryFolder());
  await world.start();
  await world.record(200);
  await world.endSession();
  await world.drained();
  assert.equal(await topicOf(world), { frames: { 1: 200 }, repeats: 0, over: [1] });
  const { received, pending, dropped, handedOver } = world.balance();
  assert.equal({ received, pending, dropped, handedOver }, { received: 200, pending: 0, dropped: { 'handed-over': 200 }, handedOver: 200 });
  await world.close();
});

test('a broker that is absent at the start, and away in the middle, costs nothing: what memory does not hold is read back', async () => {
  const world = new SpoolWorld(temporaryFolder());
  world.kafka.goDown();
  await world.start();
  await world.record(150);
  await eventually(() => world.store.spool().frames === 150, 'the index knows what waits');
  assert.is(world.balance().pending, 150);
  assert.ok(world.store.spool().bytes > 10_000);
  world.kafka.comeBack();
  await world.drained();
  await world.record(20);
  await world.drained();
  world.kafka.goDown();
  await world.record(150);
  world.kafka.comeBack();
  await world.record(30);
  await world.endSession();
  await world.drained();
  assert.equal(await topicOf(world), { frames: { 1: 350 }, repeats: 0, over: [1] });
  assert.equal(world.store.spool(), { frames: 0, bytes: 0, cameras: [] });
  await world.close();
});

test('an ingest process that is killed during an outage loses nothing that was durable: the next one goes on in order, in mid-GOP', async () => {
  const world = new SpoolWorld(temporaryFolder(), 500); // the GOP of a camera that sends a key frame every 20 s
  await world.start();
  await world.record(120);
  await world.drained();
  world.kafka.goDown();
  await world.record(137);
  await world.kill();
  await world.start();
  await world.record(60, true);
  await world.kill();
  world.kafka.comeBack();
  await world.start();
  await world.record(40, true);
  await world.endSession();
  await world.drained();
  const { frames, repeats, over } = await topicOf(world);
  assert.equal(frames, { 1: 257, 2: 60, 3: 40 });
  assert.ok(repeats <= 137, `${repeats} repeats: only what was not acknowledged`);
  assert.equal(over, [1, 2, 3], 'sessions that were cut off end when the rest of them was handed over');
  await world.close();
});

test('what the quota deletes before it was handed over ends as expired, counted', async () => {
  const world = new SpoolWorld(temporaryFolder());
  await world.start();
  await world.record(50);
  await world.drained();
  world.kafka.goDown();
  await world.record(400);
  assert.ok(await world.retain(8_000) > 5);
  world.kafka.comeBack();
  await world.record(20);
  await world.endSession();
  await world.drained();
  const { received, pending, dropped } = world.balance();
  assert.is(pending, 0);
  assert.is(received, 470);
  assert.ok((dropped.expired ?? 0) > 100, `${dropped.expired} expired`);
  assert.is(received, Object.values(dropped).reduce((sum, count) => sum + count, 0));
  const seen = new Set((await world.topic()).flatMap(({ units }) => units.map(({ frameSeq }) => frameSeq)));
  assert.is(seen.size, dropped['handed-over'], 'the topic holds exactly what was handed over');
  assert.ok(seen.has(469));
  await world.close();
});

test('a node that only spools keeps a recording until it is handed over, and no longer', async () => {
  const world = new SpoolWorld(temporaryFolder());
  world.kafka.goDown();
  await world.start();
  await world.record(100);
  await world.endSession();
  assert.is(await world.sweep(), 0);
  world.kafka.comeBack();
  await world.drained();
  assert.ok(await world.sweep() > 2);
  assert.equal(world.store.chunks({}).filter(({ isExpired }) => !isExpired), []);
  assert.equal((await topicOf(world)).frames, { 1: 100 });
  await world.close();
});

test('outages and kills at any moment leave every durable frame in the topic, in order', async () => {
  const dice = rollDice('spool');
  const world = new SpoolWorld(temporaryFolder(), dice.pick([3, 10, 70]));
  const recorded: Record<number, number> = {};
  await world.start();
  let epoch = 1;
  for (let step = 0; step < 60; step += 1) {
    const count = dice.between(1, 15);
    await world.record(count);
    recorded[epoch] = (recorded[epoch] ?? 0) + count;
    if (dice.chance(0.15)) world.kafka.goDown(); else if (dice.chance(0.3)) world.kafka.comeBack();
    if (dice.chance(0.5)) await new Promise(resolve => { setTimeout(resolve, dice.between(0, 40)); });
    if (dice.chance(0.12)) {
      await world.kill();
      await world.start();
      epoch += 1;
    }
  }
  world.kafka.comeBack();
  if (recorded[epoch] !== undefined) await world.endSession();
  await world.drained();
  assert.equal((await topicOf(world)).frames, recorded, `seed ${dice.seed}`);
  await world.close();
});

test.run();
