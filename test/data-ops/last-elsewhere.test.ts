import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lastElsewhere } from '../../src/data-ops/last-elsewhere.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId, type EpochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { partitionOf } from '../../src/transports/kafka/murmur2.ts';
import { createMemoryKafka } from '../support/memory-kafka.ts';

const codec = recordCodecs(fixedSchemaIds()).chunks;
const [topic, camera, other] = ['vto.chunks', 'gate' as CameraId, 'roof' as CameraId];

function part(of: CameraId, epoch: number, frameSeq: number, capturedAt: number): ChunkPart {
  return {
    camera: of, epoch, chunkSeq: 0, partSeq: 0, chunkStartedAt: epochMicros(0), isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
    parameters: { codec: 'h264', framing: 'annexb', width: 64, height: 48, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, frameRate: 25 },
    units: [{ data: new Uint8Array(3), frameSeq, pts: 0, dts: 0, duration: 0, isKey: true, isCorrupt: false, capturedAt: epochMicros(capturedAt), arrivedAt: epochMicros(0) }],
  };
}

async function world(parts: readonly ChunkPart[]): Promise<(epoch: number) => Promise<EpochMicros | undefined>> {
  const node = createMemoryKafka({ partitions: 2 }).node();
  const producer = await node.producer();
  await producer.send(parts.map(body => ({ topic, key: body.camera, value: codec.encode(body) })));
  return epoch => lastElsewhere({ node, topic, codec, clock: systemClock, signal: new AbortController().signal, partitionOf }, camera, epoch);
}

test('finds the last frame in decode order of the newest session before, however parts of older ones came late', async () => {
  const ask = await world([part(camera, 1, 7, 70), part(camera, 2, 0, 100), part(camera, 2, 1, 140), part(camera, 2, 2, 120), part(camera, 1, 8, 80), part(other, 2, 9, 900), part(camera, 3, 0, 500)]);
  assert.is(await ask(3), 120);
  assert.is(await ask(2), 80);
  assert.is(await ask(1), undefined);
});

test('looks further back where other cameras wrote much meanwhile, but not without end', async () => {
  const noise = (count: number): ChunkPart[] => Array.from({ length: count }, (_, index) => part(other, 1, index, index));
  assert.is(await (await world([part(camera, 1, 0, 10), ...noise(300)]))(2), 10);
  assert.is(await (await world([part(camera, 1, 0, 10), ...noise(2_000)]))(2), undefined);
});

test('finds nothing in an empty topic', async () => {
  assert.is(await (await world([]))(2), undefined);
});

test.run();
