import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogFollower, type IndexBatch } from '../../../actors/index/log-follower.ts';
import { sortEvent, sortFeature, sortRecord } from '../../../actors/index/sort-records.ts';
import { openSqliteStore } from '../../../src/data-ops/sqlite-store.ts';
import type { CommittedRecord, Store } from '../../../src/data-ops/store.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import { fixedSchemaIds } from '../../../src/messages/schema-ids.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { recordCodecs } from '../../../src/messages/topics.ts';
import type { KafkaNode, OutRecord } from '../../../src/transports/kafka-types.ts';
import { rollDice } from '../../support/dice.ts';
import { eventually } from '../../support/eventually.ts';
import { featureOf } from '../../support/host-world.ts';
import { camera, detected, dropped } from '../../support/ledger-fixtures.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const DETECTIONS = 'vto.detections';
const codecs = recordCodecs(fixedSchemaIds());
const DOCK = camera('dock');
const root = temporaryFolder();
let worlds = 0;

interface World {
  readonly kafka: MemoryKafka; readonly node: KafkaNode; readonly told: CommittedRecord[]; readonly left: string[]; readonly warnings: object[];
  store: Store; statuses: string[];
  start(): { readonly follower: LogFollower<TerminalRecord>; stop(): Promise<void> };
  reopen(): void;
  write(records: readonly TerminalRecord[]): Promise<void>;
}

/** As it comes back: numbers of boxes are floats of 32 bits on the wire. */
const onWire = (record: TerminalRecord): TerminalRecord => codecs.detections.decode(codecs.detections.encode(record));

function recordOf(record: TerminalRecord): OutRecord {
  return { topic: DETECTIONS, key: record.camera, value: codecs.detections.encode(record) };
}

async function withWorld(check: (world: World) => Promise<void>, codec: Pick<typeof codecs.detections, 'decode' | 'learn'> = codecs.detections): Promise<void> {
  const folder = join(root, String(worlds += 1));
  const kafka = createMemoryKafka({ partitions: 4 });
  const open = (): Store => openSqliteStore(join(folder, 'index.sqlite'), { clock: systemClock, lockWaitMs: 0 });
  const running = new Set<() => Promise<void>>();
  const world: World = {
    kafka, node: kafka.node(), told: [], left: [], warnings: [], store: open(), statuses: [],
    start() {
      const log = { debug: () => {}, info: () => {}, warn: (fields: object) => { world.warnings.push(fields); }, error: () => {}, child: () => log };
      const ending = new AbortController();
      const follower = new LogFollower({
        name: 'detections', node: world.node, topic: DETECTIONS, codec, sort: sortRecord, store: world.store, clock: systemClock, log,
        commits: { push: records => { world.told.push(...records); } },
        telemetry: { batch: () => {}, dropped: (_stage, reason, count) => { for (let each = 0; each < count; each += 1) world.left.push(reason); } },
      });
      const ended = follower.run({ name: 'detections', generation: 1, signal: ending.signal, progress: () => {}, status: text => { world.statuses.push(text); }, supervise: () => { throw new Error('not used'); } });
      ended.catch(() => { /* asserted in stop */ });
      const stop = async (): Promise<void> => {
        running.delete(stop);
        ending.abort(new Error('stopped'));
        await ended.then(() => assert.unreachable('it ends with its signal'), (error: unknown) => assert.is((error as Error).message, 'stopped'));
      };
      running.add(stop);
      return { follower, stop };
    },
    reopen() { world.store.close(); world.store = open(); },
    async write(records) {
      const producer = await world.node.producer();
      await producer.send(records.map(recordOf));
      await producer.close();
    },
  };
  try {
    await check(world);
  } finally {
    for (const stop of [...running]) await stop();
    world.store.close();
    await world.node.close();
  }
}

test('what lies in the topic comes into the store, in order, and what comes later follows', () => withWorld(async (world) => {
  const records = [detected(DOCK, 1, 0), dropped(DOCK, 1, 1, 4, 'rate'), detected(DOCK, 1, 5)];
  await world.write(records.slice(0, 2));
  const { follower } = world.start();
  await eventually(() => world.told.length === 2, 'the first two');
  await world.write(records.slice(2));
  await eventually(() => world.told.length === 3, 'the third');
  assert.equal(world.store.recordsAfter(0, 9).map(({ record }) => record), records.map(onWire));
  assert.equal(world.told.map(({ id }) => id), [1, 2, 3]);
  await eventually(() => follower.progress.isCaughtUp && follower.progress.behind === 0, 'caught up');
}));

test('a follower that starts again goes on where the store is, and nobody is told twice', () => withWorld(async (world) => {
  await world.write([detected(DOCK, 1, 0), detected(DOCK, 1, 1)]);
  const first = world.start();
  await eventually(() => world.told.length === 2, 'the first two');
  await first.stop();
  world.reopen();
  await world.write([detected(DOCK, 1, 2)]);
  const { follower } = world.start();
  await eventually(() => world.told.length === 3, 'the third');
  assert.equal(world.told.map(({ record }) => (record.kind === 'detected' ? record.frameSeq : -1)), [0, 1, 2]);
  assert.equal(world.left, [], 'nothing was read a second time');
  assert.is(follower.progress.lag('g', 0).reduce((sum, { offset }) => sum + offset, 0), 3);
}));

test('records that a node wrote twice are kept and told once', () => withWorld(async (world) => {
  await world.write([detected(DOCK, 1, 0), detected(DOCK, 1, 0), dropped(DOCK, 1, 0, 2, 'stale')]);
  world.start();
  await eventually(() => world.left.length === 2, 'repeats are counted');
  assert.equal(world.told.map(({ record }) => record), [detected(DOCK, 1, 0), { ...dropped(DOCK, 1, 0, 2, 'stale'), from: 1 }].map(record => onWire(record as TerminalRecord)));
}));

test('records of a transaction are seen when it is committed, those of an aborted one never', () => withWorld(async (world) => {
  world.start();
  const open = Promise.withResolvers<void>();
  world.kafka.faults.beforeCommit = () => open.promise;
  const producer = await world.node.transactions('one', 1000);
  const committing = producer.commit([recordOf(detected(DOCK, 1, 0))], []);
  await eventually(() => world.statuses.length > 0, 'it reads');
  assert.is(world.told.length, 0);
  open.resolve();
  await committing;
  await eventually(() => world.told.length === 1, 'committed');
  world.kafka.faults.beforeCommit = async () => { throw new Error('killed'); };
  await producer.commit([recordOf(detected(DOCK, 1, 1))], []).then(() => assert.unreachable(), () => {});
  world.kafka.faults.beforeCommit = undefined;
  const next = await world.node.transactions('one', 1000);
  await next.commit([recordOf(detected(DOCK, 1, 2))], []);
  await eventually(() => world.told.length === 2, 'the next one');
  assert.is(world.store.hasRecord({ camera: DOCK, epoch: 1, frameSeq: 1 }), false);
}));

test('a record that says nothing we know is counted and left behind', () => withWorld(async (world) => {
  const producer = await world.node.producer();
  const bad = [Buffer.from('no record'), Buffer.alloc(0), null, codecs.detections.encode({ ...dropped(DOCK, 1, 5, 5), from: 9 }), codecs.detections.encode(detected(DOCK, -1, 3))];
  await producer.send([...bad.map(value => ({ topic: DETECTIONS, key: 'dock', value })), recordOf(detected(DOCK, 1, 7))]);
  world.start();
  await eventually(() => world.told.length === 1, 'the good one');
  assert.equal(world.left, Array.from({ length: bad.length }, () => 'invalid'));
  assert.is(world.warnings.length, 1, 'told once a second, not once a record');
}));

test('a schema that is not known is asked for, also while the registry is away, before anything behind it is taken', async () => {
  const asked: number[] = [];
  let isLearned = false;
  const codec = {
    decode: (value: Buffer): TerminalRecord => {
      const record = codecs.detections.decode(value);
      if (!isLearned && record.kind === 'detected' && record.frameSeq === 1) throw new PlatformError('SCHEMA_UNKNOWN', 'schema id 9');
      return record;
    },
    learn: async (): Promise<boolean> => {
      asked.push(asked.length);
      if (asked.length < 2) throw new PlatformError('REGISTRY_UNAVAILABLE', 'the registry does not answer');
      isLearned = true;
      return true;
    },
  };
  await withWorld(async (world) => {
    await world.write([detected(DOCK, 1, 0), detected(DOCK, 1, 1), detected(DOCK, 1, 2)]);
    world.start();
    await eventually(() => world.told.length === 3, 'all of them');
    assert.equal(world.told.map(({ record }) => (record.kind === 'detected' ? record.frameSeq : -1)), [0, 1, 2]);
    assert.equal([asked.length, world.left.length], [2, 0]);
  }, codec);
});

test('waits for brokers that are away at the start, and goes on after an outage', () => withWorld(async (world) => {
  await world.write([detected(DOCK, 1, 0)]);
  world.kafka.goDown();
  const { follower } = world.start();
  await eventually(() => world.statuses.some(text => text.includes('waiting')), 'it says that it waits');
  assert.is(follower.progress.isCaughtUp, false, 'nothing is known yet');
  world.kafka.comeBack();
  await eventually(() => world.told.length === 1, 'after the start');
  world.kafka.goDown();
  world.kafka.comeBack();
  await world.write([detected(DOCK, 1, 1)]);
  await eventually(() => world.told.length === 2, 'after the outage');
}));

test('what retention removed is passed over', () => withWorld(async (world) => {
  await world.write([0, 1, 2, 3].map(frame => detected(DOCK, 1, frame)));
  const partition = [...await world.node.bounds(DETECTIONS)].find(([, { end }]) => end > 0)![0];
  const first = world.start();
  await eventually(() => world.told.length === 4, 'four');
  await first.stop();
  await world.write([4, 5, 6].map(frame => detected(DOCK, 1, frame)));
  world.kafka.truncate(DETECTIONS, partition, 6);
  world.start();
  await eventually(() => world.told.length === 5, 'what is left');
  assert.equal(world.told.at(-1)!.record, onWire(detected(DOCK, 1, 6)));
}));

test('a topic that was deleted and made anew is read from its start', () => withWorld(async (world) => {
  world.store.appendFrom({ records: [], events: [], offsets: [0, 1, 2, 3].map(partition => ({ topic: DETECTIONS, partition, offset: 500 })) });
  await world.write([detected(DOCK, 1, 0), detected(DOCK, 1, 1)]);
  const { follower } = world.start();
  await eventually(() => world.told.length === 2, 'both');
  assert.is(follower.progress.behind, 0);
}));

test('whatever stops it when, the store holds what is committed, once, and each record is told once', async () => {
  const dice = rollDice('log-follower');
  const { seed } = dice;
  await withWorld(async (world) => {
    const cameras = ['a', 'b', 'c', 'd', 'e'].map(name => camera(name));
    const next = new Map<CameraId, number>(cameras.map(id => [id, 0]));
    const expected = new Map<CameraId, number>();
    let producer = await world.node.transactions('writer', 1000);
    for (let round = 0; round < 40; round += 1) {
      const running = world.start();
      for (let step = dice.between(0, 3); step >= 0; step -= 1) {
        const records: TerminalRecord[] = [];
        const planned = new Map(next);
        for (let each = dice.between(0, 29); each >= 0; each -= 1) {
          const id = dice.pick(cameras);
          const from = planned.get(id)!;
          const to = from + dice.between(0, 2);
          records.push(to > from ? dropped(id, 1, from, to, 'rate') : detected(id, 1, from));
          planned.set(id, to + 1);
        }
        const isKilled = dice.chance(1 / 4);
        world.kafka.faults.beforeCommit = isKilled ? async () => { throw new Error('killed'); } : undefined;
        await producer.commit(records.map(recordOf), []).catch(() => {});
        world.kafka.faults.beforeCommit = undefined;
        if (isKilled) { producer = await world.node.transactions('writer', 1000); continue; }
        for (const [id, frame] of planned) { next.set(id, frame); expected.set(id, frame); }
        if (dice.chance(1 / 3)) await new Promise(resolve => { setImmediate(resolve); });
      }
      await running.stop();
      if (dice.chance(1 / 3)) world.reopen();
    }
    const { follower } = world.start();
    await eventually(() => follower.progress.isCaughtUp && follower.progress.behind === 0, 'caught up');
    const all = world.store.recordsAfter(0, 100_000);
    assert.equal(world.told.map(({ id }) => id), all.map(({ id }) => id), `seed ${seed}`);
    for (const [id, frames] of expected) {
      const covered = all.filter(({ record }) => record.camera === id).map(({ record }) => (record.kind === 'detected' ? [record.frameSeq, record.frameSeq] : [record.from, record.to]));
      let at = 0;
      for (const [from, to] of covered) { assert.is(from, at, `seed ${seed}: camera ${id}`); at = to! + 1; }
      assert.is(at, frames, `seed ${seed}: camera ${id}`);
    }
  });
});

test('events go to the events, counts to the ledger', async () => {
  const folder = join(root, String(worlds += 1));
  const store = openSqliteStore(join(folder, 'index.sqlite'), { clock: systemClock });
  const at = epochMicros(1_700_000_000_000_000);
  const batch = { records: [], events: [], features: [], offsets: [] };
  sortEvent({ type: 'received', camera: DOCK, at, epoch: 4, received: 12, node: 'a' }, batch);
  sortEvent({ type: 'camera-state', camera: DOCK, at, state: 'live', node: 'a' }, batch);
  assert.throws(() => sortEvent({ type: 'received', camera: DOCK, at, epoch: -4, received: 12, node: 'a' }, batch), (error: PlatformError) => error.code === 'RECORD_INVALID');
  store.appendFrom(batch);
  assert.equal(store.balances().map(({ epoch, received, pending }) => [epoch, received, pending]), [[4, 12, 12]]);
  assert.equal(store.cameraStates().map(({ camera: id, state }) => [id, state]), [[DOCK, 'live']]);
  store.close();
});

test('features come into the store once, as many as there is room for; pictures on their way to a detector do not', async () => {
  const folder = join(root, String(worlds += 1));
  const store = openSqliteStore(join(folder, 'index.sqlite'), { clock: systemClock });
  const batch: IndexBatch = { records: [], events: [], features: [], offsets: [] };
  for (let frameSeq = 0; frameSeq < 5; frameSeq += 1) sortFeature(featureOf({ camera: DOCK, epoch: 1, frameSeq }, 'hog@1'), batch);
  sortFeature({ ...featureOf({ camera: DOCK, epoch: 1, frameSeq: 9 }, 'pixels-rgb@1'), dtype: 'uint8', encoding: 'zstd' }, batch);
  for (const wrong of [{ epoch: -1 }, { shape: [2] }, { dtype: 'uint8' as const }, { encoding: 'zstd' as const }]) {
    assert.throws(() => sortFeature({ ...featureOf({ camera: DOCK, epoch: 1, frameSeq: 7 }, 'hog@1'), ...wrong }, batch), (error: PlatformError) => error.code === 'RECORD_INVALID');
  }
  for (let times = 0; times < 2; times += 1) store.appendFrom(batch);
  const seqs = (): readonly number[] => store.features({ camera: DOCK, max: 9 }).map(({ feature: { frameSeq } }) => frameSeq);
  assert.equal(seqs(), [0, 1, 2, 3, 4]);
  store.appendFrom({ records: [], events: [], features: [featureOf({ camera: DOCK, epoch: 2, frameSeq: 5 }, 'hog@1')], featuresMaxBytes: 700, offsets: [] });
  assert.equal(seqs(), [4, 5]);
  store.close();
});

test.run();
