import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventOutbox } from '../../src/data-ops/event-outbox.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { epochMicros } from '../../src/engine/units.ts';
import { PLATFORM_EVENT } from '../../src/messages/platform-event-codec.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';
import { camera, chunkRow, dropped } from '../support/ledger-fixtures.ts';
import { createMemoryKafka, type MemoryKafka } from '../support/memory-kafka.ts';
import { wallClock } from '../support/recording.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { v8Codec } from '../support/v8-codec.ts';

const DOCK = camera('dock-2');
const codec = v8Codec<PlatformEvent>();

interface Run { stop(): Promise<void>; readonly outbox: EventOutbox }

function start(kafka: MemoryKafka, store: Store): Run {
  const node = kafka.node();
  const stop = new AbortController();
  const outbox = new EventOutbox({
    store: { eventsAfter: async (...args) => store.eventsAfter(...args), logOffsets: async () => store.logOffsets(), appendFrom: async batch => store.appendFrom(batch), balances: async () => store.balances() },
    output: node.output('events', codec, { maxItems: 100, maxBytes: 1e6, batchBytes: 1e5, lingerMs: 0 }), node: 'node-a', clock: wallClock,
  });
  const running = outbox.run(stop.signal);
  return { outbox, stop: async () => { stop.abort(new Error('over')); await running; await node.close(); } };
}

async function topicOf(kafka: MemoryKafka): Promise<PlatformEvent[]> {
  const node = kafka.node();
  const reader = node.reader('events', { isolation: 'committed', maxBytes: 1e7 });
  const found: PlatformEvent[] = [];
  for (const [partition, { end }] of await node.bounds('events')) {
    reader.seek(partition, 'earliest');
    for (let next = 0; next < end;) for (const { records, nextOffset } of await reader.read(NEVER)) { found.push(...records.map(({ value }) => codec.decode(value!))); next = nextOffset; }
    reader.drop(partition);
  }
  await node.close();
  return found;
}

function state(at: number): PlatformEvent { return { type: 'camera-state', camera: DOCK, at: epochMicros(at), state: 'live' }; }
const timesOf = (events: readonly PlatformEvent[]): number[] => events.filter(({ type }) => type === 'camera-state').map(({ at }) => at);
const countsOf = (events: readonly PlatformEvent[]): number[] => events.flatMap(event => (event.type === 'received' ? [event.received] : []));

test('events reach the topic in order, with the name of the node; outages and restarts lose none, and repeats have the id they had', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const store = openSqliteStore(join(temporaryFolder(), 'store.sqlite'), { clock: wallClock });
  store.putEvents([state(1), state(2)]);
  let run = start(kafka, store);
  await eventually(() => store.logOffsets().length === 1, 'the place is kept');
  kafka.goDown();
  store.putEvents([state(3), state(4)]);
  await run.stop();
  store.putEvents([state(5)]);
  run = start(kafka, store);
  kafka.comeBack();
  await eventually(() => store.logOffsets()[0]?.offset === 5, 'all are told');
  await run.stop();
  const events = await topicOf(kafka);
  assert.equal([...new Set(timesOf(events))], [1, 2, 3, 4, 5]);
  assert.ok(events.every(({ node }) => node === 'node-a'));
  const ids = new Map(events.map(event => [event.at, PLATFORM_EVENT.identify(event).id]));
  for (const event of events) assert.is(PLATFORM_EVENT.identify(event).id, ids.get(event.at));
  store.close();
});

test('how many frames of a session were handed over is told while it changes, at the end, and again after a restart', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const store = openSqliteStore(join(temporaryFolder(), 'store.sqlite'), { clock: wallClock });
  store.putChunks([chunkRow({ camera: DOCK, epoch: 3, chunkSeq: 0, frameCount: 100 })]);
  store.append([dropped(DOCK, 3, 0, 9, 'handed-over')]);
  const run = start(kafka, store);
  await run.outbox.flush(NEVER);
  store.append([dropped(DOCK, 3, 10, 59, 'expired'), dropped(DOCK, 3, 60, 79, 'handed-over')]);
  await run.outbox.flush(NEVER);
  await run.outbox.flush(NEVER);
  assert.equal(countsOf(await topicOf(kafka)), [10, 80], 'a hole counts: readers of the topic see it');
  await run.stop();
  const again = start(kafka, store);
  await again.outbox.flush(NEVER);
  assert.equal(countsOf(await topicOf(kafka)), [10, 80, 80]);
  await again.stop();
  store.close();
});

test('events go on where ids begin anew after retention removed all of them', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const store = openSqliteStore(join(temporaryFolder(), 'store.sqlite'), { clock: wallClock });
  const run = start(kafka, store);
  store.putEvents([state(1), state(2), state(3)]);
  await eventually(() => store.logOffsets()[0]?.offset === 3, 'told');
  store.pruneRecords(epochMicros(100));
  store.putEvents([state(200)]);
  await eventually(() => store.logOffsets()[0]?.offset === 1, 'told');
  await run.stop();
  assert.equal(timesOf(await topicOf(kafka)), [1, 2, 3, 200]);
  store.close();
});

test.run();
