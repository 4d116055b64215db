import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { auditTopics } from '../../src/data-ops/audit-topics.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { OutRecord } from '../../src/transports/kafka-types.ts';
import { camera, detected, dropped } from '../support/ledger-fixtures.ts';
import { createMemoryKafka } from '../support/memory-kafka.ts';

const codecs = recordCodecs(fixedSchemaIds());
const AT = epochMicros(1_700_000_000_000_000);

function chunk(id: string, from: number, to: number, fields: Partial<ChunkPart> = {}): OutRecord {
  const part = chunkPart(from, to, { camera: camera(id), ...fields });
  return { topic: 'vto.chunks', key: id, value: codecs.chunks.encode(part) };
}

function chunkPart(from: number, to: number, fields: Partial<ChunkPart> = {}): ChunkPart {
  const units = Array.from({ length: to - from + 1 }, (_, index) => ({
    frameSeq: from + index, pts: null, dts: null, duration: 1, isKey: index === 0, isCorrupt: false, capturedAt: AT, arrivedAt: AT, data: Buffer.alloc(10, from + index),
  }));
  return {
    camera: camera('a'), epoch: 1, chunkSeq: 0, partSeq: from, chunkStartedAt: AT, units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
    parameters: { codec: 'h264', framing: 'annexb', width: 64, height: 48, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, frameRate: 25 }, ...fields,
  };
}

const record = (body: TerminalRecord): OutRecord => ({ topic: 'vto.detections', key: body.camera, value: codecs.detections.encode(body) });

async function world() {
  const kafka = createMemoryKafka({ partitions: 4 });
  const node = kafka.node();
  await node.ensureTopics(['chunks', 'features', 'detections', 'positions'].map(name => ({ topic: `vto.${name}`, partitions: 4, replication: -1, config: {} })));
  const producer = await node.producer();
  const committer = await node.transactions('t', 1000);
  const partitionOf = async (id: string): Promise<number> => (await producer.send([{ topic: 'probe', key: id, value: null }]))[0]!.partition;
  const position = async (id: string, terminalTo: number): Promise<OutRecord> => {
    const body: CameraPosition = { group: 'vto.detector', camera: camera(id), at: AT, epochs: [{ epoch: 1, chunkOffset: 0, chunkAtMs: 0, terminalTo, terminalAbove: [], isOver: false }] };
    return { topic: 'vto.positions', partition: await partitionOf(id), key: `vto.detector/${id}`, value: codecs.positions.encode(body) };
  };
  const commit = async (group: string, topic: string, id: string, offset: number): Promise<void> => committer.commit([], [{ group: `vto.${group}`, topic: `vto.${topic}`, partition: await partitionOf(id), offset }]);
  return {
    kafka, node, producer, position, commit, partitionOf,
    audit: (isSplit = false) => auditTopics({ node, codecs, prefix: 'vto', isSplit, createHash: contentHashOf, clock: systemClock, signal: new AbortController().signal }),
  };
}

test('reads all topics, tells what balances and what is still being worked on', async () => {
  const { node, producer, position, commit, audit } = await world();
  await producer.send([chunk('a', 0, 4), chunk('b', 0, 2), chunk('a', 5, 9)]);
  await producer.send([record(detected(camera('a'), 1, 0)), record(dropped(camera('a'), 1, 1, 4, 'rate')), record(detected(camera('b'), 1, 0)), record(dropped(camera('b'), 1, 1, 2))]);
  await producer.send([await position('a', 2), await position('a', 4)]);
  await commit('detector', 'chunks', 'a', 1);
  const report = await audit();
  assert.equal([report.isSound, report.problems, report.notes], [true, [], []]);
  assert.equal(report.balances.map(({ camera: id, frames, detected: found, pending }) => [id, frames, found, pending]), [['a', 10, 1, 5], ['b', 3, 1, 0]]);
  assert.is(report.records, 3 + 4 + 2);
  await node.close();
});

test('finds what is lost, invented, claimed or unreadable, whose removal by retention explains nothing', async () => {
  const { node, producer, position, commit, audit } = await world();
  await producer.send([chunk('a', 0, 4)]);
  await producer.send([record(dropped(camera('a'), 1, 0, 2)), record(detected(camera('a'), 1, 9)), { topic: 'vto.detections', key: 'a', value: Buffer.from('nonsense') }, await position('a', 3)]);
  await commit('detector', 'chunks', 'a', 99);
  const report = await audit();
  assert.equal(report.problems.map(({ kind }) => kind).toSorted(), ['lost', 'position', 'unbacked', 'unreadable']);
  assert.equal(report.notes, ['vto.detections: 1 records cannot be read']);
  await node.close();
});

test('records of transactions that were aborted are none', async () => {
  const { node, kafka, producer, commit, audit } = await world();
  await producer.send([chunk('a', 0, 1)]);
  const zombie = await node.transactions('z', 1000);
  kafka.faults.beforeCommit = async () => { throw new Error('killed'); };
  await zombie.commit([record(dropped(camera('a'), 1, 0, 1))], []).catch(() => {});
  kafka.faults.beforeCommit = undefined;
  await (await node.transactions('z', 1000)).commit([record(dropped(camera('a'), 1, 0, 1))], []);
  await commit('detector', 'chunks', 'a', 1);
  const report = await audit();
  assert.equal([report.isSound, report.balances[0]?.dropped], [true, { 'not-wanted': 2 }]);
  await node.close();
});

test('tells which chunks are as they were recorded, and which are not', async () => {
  const { node, producer, audit } = await world();
  const recorded = contentHashOf((chunkPart(0, 0)).parameters);
  for (let seq = 0; seq <= 4; seq += 1) recorded.update(Buffer.alloc(10, seq));
  const contentHash = recorded.digest();
  const seal = (id: string, hash: string): OutRecord => chunk(id, 5, 4, { partSeq: 5, contentHash: hash });
  await producer.send([chunk('a', 0, 2), chunk('a', 1, 4), seal('a', contentHash), chunk('b', 0, 4), seal('b', 'f'.repeat(64)), chunk('c', 1, 4), seal('c', contentHash)]);
  const report = await audit();
  assert.equal([report.chunksProven, report.problems.map(({ kind, camera: id }) => [kind, id])], [1, [['content', 'b']]]);
  await node.close();
});

test('what retention removed of chunks is told apart', async () => {
  const { node, kafka, producer, commit, audit, partitionOf } = await world();
  await producer.send([chunk('a', 0, 4), chunk('a', 5, 9)]);
  await producer.send([record(dropped(camera('a'), 1, 0, 9))]);
  await commit('detector', 'chunks', 'a', 2);
  kafka.truncate('vto.chunks', await partitionOf('a'), 1);
  const report = await audit();
  assert.equal([report.isSound, report.balances[0]?.frames, report.balances[0]?.chunksRemoved], [true, 5, 5]);
  await node.close();
});

test('where featurizers and detectors are apart, a frame is pending until the second of them is done with it', async () => {
  const { node, producer, commit, audit } = await world();
  await producer.send([chunk('a', 0, 3)]);
  const feature = (frameSeq: number): OutRecord => ({ topic: 'vto.features', key: 'a', value: codecs.features.encode({
    camera: camera('a'), epoch: 1, frameSeq, capturedAt: AT, arrivedAt: AT, ptsSeconds: null, modality: 'rgb', encoder: 'pixels@1', dtype: 'uint8', shape: [1, 1, 1, 3], geometry: null, decodeMs: 1, encoding: 'raw', baseSeq: -1, payload: new Uint8Array(3),
  }) });
  await producer.send([feature(0), feature(1), feature(2)]);
  await producer.send([record(detected(camera('a'), 1, 0)), record(dropped(camera('a'), 1, 3, 3))]);
  await commit('featurizer', 'chunks', 'a', 1);
  await commit('detector-features', 'features', 'a', 1);
  const report = await audit(true);
  assert.equal([report.isSound, report.pending], [true, 2]);
  await commit('detector-features', 'features', 'a', 3);
  assert.equal((await audit(true)).problems.map(({ kind }) => kind), ['lost']);
  await node.close();
});

test.run();
