import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { KafkaNode, RecordCodec } from '../../src/transports/kafka-types.ts';
import { sessionsOf } from '../support/chunk-topic.ts';
import { NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';
import { ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { testNode } from '../support/kafka/test-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startVto, type VtoProcess } from '../support/vto-process.ts';

const codecs = recordCodecs(fixedSchemaIds());
const IDS = ['dock-1', 'dock-2', 'gate', 'yard'];
const CAMERAS = IDS.flatMap((id, index) => ['--camera', `${id}=synthetic://yard?size=320x180&fps=10&seed=${index}`]);

/** Every record of a topic, each partition in its order. */
async function read<Body>(node: KafkaNode, topic: string, codec: RecordCodec<Body>): Promise<Body[]> {
  const found: Body[] = [];
  for (const [partition, { begin, end }] of await node.bounds(topic)) {
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 8 << 20 });
    reader.seek(partition, begin);
    for (let next = begin; next < end;) {
      for (const { records, nextOffset } of await reader.read(NEVER)) {
        for (const { value } of records) if (value) found.push(codec.decode(value));
        next = nextOffset;
      }
    }
    await reader.close();
  }
  return found;
}

const framesOf = (parts: readonly ChunkPart[]): number => sessionsOf(parts).reduce((sum, { frames }) => sum + frames, 0);

interface Shown { readonly cameras: readonly { readonly id: string; readonly state: string }[] }

/** Cameras that a node runs and that are live. */
async function liveOn(vto: VtoProcess): Promise<string[]> {
  const { cameras } = await vto.json<Shown>('/api/v1/cameras').catch(() => ({ cameras: [] }));
  return cameras.filter(({ state }) => state === 'live').map(({ id }) => id).toSorted();
}

async function untilLive(vtos: readonly VtoProcess[], count: number, what: string): Promise<readonly string[][]> {
  let live: string[][] = [];
  let isBusy = false;
  const look = async (): Promise<void> => { live = await Promise.all(vtos.map(liveOn)); isBusy = false; };
  await eventually(() => {
    if (!isBusy) { isBusy = true; void look(); }
    return live.flat().length === count && new Set(live.flat()).size === count && (vtos.length === 1 || live.every(each => each.length > 0));
  }, what, 40_000);
  return live;
}

const kafka = await ownKafkaOrSkip();
if (kafka !== undefined) test(`Kafka ${kafka.version}: camera nodes spool through an outage and a kill, and share the cameras`, async () => {
  const prefix = `camera-${randomBytes(6).toString('hex')}`;
  const env = { VTO__KAFKA__TOPIC_PREFIX: prefix, VTO__KAFKA__PARTITIONS: '8', VTO__KAFKA__SESSION_TIMEOUT_MS: '6000' };
  const args = ['--kafka', kafka.brokers.join(','), '--roles', 'camera,recorder'];
  const { node } = testNode(kafka.brokers);
  const first = await startVto(temporaryFolder(), [...args, ...CAMERAS], env);
  await untilLive([first], IDS.length, 'all cameras on the first node');
  const chunks = (): Promise<ChunkPart[]> => read(node, `${prefix}.chunks`, codecs.chunks);

  await kafka.kill();
  const before = performance.now();
  await eventually(() => performance.now() - before > 6_000, 'an outage', 10_000);
  const ready = await first.text('/readyz');
  assert.match(ready, /cannot be reached/);
  const ingest = first.pids().find(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ingest-0'));
  assert.ok(ingest !== undefined, 'an ingest process');
  process.kill(ingest, 'SIGKILL');
  const killed = performance.now();
  await eventually(() => performance.now() - killed > 4_000, 'sessions begin again', 10_000);
  await kafka.restart();
  await untilLive([first], IDS.length, 'all cameras live again');

  const second = await startVto(temporaryFolder(), args, env);
  const shares = await untilLive([first, second], IDS.length, 'both nodes have cameras');
  const stayed = shares[0] ?? [];
  const parts = await chunks();
  const epochsOf = (all: readonly ChunkPart[], id: string): number[] => [...new Set(all.filter(part => part.camera === id).map(({ epoch }) => epoch))];
  assert.is(await second.stop(), 0);
  await untilLive([first], IDS.length, 'all back on the first node');
  assert.is(await first.stop(), 0);

  const all = await chunks();
  const sessions = sessionsOf(all);
  assert.equal(sessions.flatMap(({ problems }) => problems), []);
  for (const id of stayed) assert.equal(epochsOf(all, id), epochsOf(parts, id), `${id} was not touched by the other node's coming and going`);
  for (const id of IDS) assert.ok(sessions.some(({ camera, isOver }) => camera === id && isOver), `${id} ended in order`);
  // Each node says at its end how many frames it received, and that each was handed over.
  const rows = [first, second].flatMap(vto => [...vto.output().matchAll(/^(\S+) +\d{13} +(\d+) +(\d+) +(.*)$/gm)]);
  const received = rows.reduce((sum, [, , count]) => sum + Number(count), 0);
  assert.ok(received > 300, `${received} frames`);
  assert.is(framesOf(all), received, 'the topic holds every durable frame');
  const told = (await read(node, `${prefix}.events`, codecs.events)).filter(event => event.type === 'received');
  const last = new Map(told.map((event: Extract<PlatformEvent, { type: 'received' }>) => [`${event.camera}/${event.epoch}`, event.received]));
  assert.equal(Object.fromEntries(last), Object.fromEntries(sessions.map(({ camera, epoch, frames }) => [`${camera}/${epoch}`, frames])));
  await node.close();
  await kafka.close();
});

test.run();
