import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';

const part: ChunkPart = {
  camera: 'dock-2' as CameraId, epoch: 3, chunkSeq: 1, partSeq: 7, chunkStartedAt: epochMicros(1_700_000_000_000_000),
  parameters: { codec: 'h264', width: 640, height: 360, extradata: Uint8Array.of(1, 2, 3), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 15 },
  units: [
    { frameSeq: 40, pts: 1, dts: null, duration: 0, isKey: true, isCorrupt: false, capturedAt: epochMicros(5), arrivedAt: epochMicros(6), data: Uint8Array.of(9, 8) },
    { frameSeq: 41, pts: null, dts: -4, duration: 3, isKey: false, isCorrupt: true, capturedAt: epochMicros(7), arrivedAt: epochMicros(8), data: Uint8Array.of(7) },
  ],
  isOpenGop: true, isEpochEnd: false, isRecovered: true, isAccounted: false, feed: 12,
};

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Uint8Array ? Array.from(inner) : inner)));
}

function roundTrip(body: ChunkPart): ChunkPart {
  const { head, payload } = chunkPartCodec.encode(body);
  return chunkPartCodec.decode(head, payload ?? new Uint8Array(0));
}

test('a chunk part survives the wire field for field', () => {
  const asPlain = (value: ChunkPart): unknown => plain({ ...value, parameters: { ...value.parameters, extradata: Array.from(value.parameters.extradata) }, units: value.units.map(unit => ({ ...unit, data: Array.from(unit.data) })) });
  assert.equal(asPlain(roundTrip(part)), asPlain(part));
  assert.equal(roundTrip({ ...part, units: [], isEpochEnd: true }).units.length, 0);
});

test('a chunk part of one unit is encoded without copying its bytes', () => {
  const only = { ...part, units: part.units.slice(0, 1) };
  assert.is(chunkPartCodec.encode(only).payload, only.units[0]!.data);
});

test('a chunk part whose sizes disagree with its payload is refused by name', () => {
  const { head } = chunkPartCodec.encode(part);
  assert.throws(() => chunkPartCodec.decode(head, Uint8Array.of(1)), (error: { code?: string }) => error.code === 'LINK_INVALID');
  assert.throws(() => chunkPartCodec.decode(head.subarray(0, 5), Uint8Array.of(1)), (error: { code?: string }) => error.code === 'LINK_INVALID');
});

test('a count of boxes or units that the bytes cannot hold is refused at once', () => {
  // avsc reads items beyond the end of the bytes until the count is reached: minutes, and gigabytes, for 2^31 of them.
  const count = Buffer.from('feffffff1f', 'hex'); // 2^32 - 1 as zig-zag varint
  const empty = { ...part, units: [], isEpochEnd: true };
  const { head } = chunkPartCodec.encode(empty);
  const startMs = performance.now();
  assert.throws(() => chunkPartCodec.decode(Buffer.concat([head.subarray(0, -1), count]), new Uint8Array(0)), (error: { code?: string }) => error.code === 'LINK_INVALID');
  const record = terminalRecordCodec.encode({
    kind: 'detected', camera: 'a' as CameraId, epoch: 1, frameSeq: 3, capturedAt: epochMicros(4), ptsSeconds: 0.25, width: 640, height: 360, boxes: [], model: 'm@1', modelDigest: 'ab',
    provider: 'cpu', timings: { decodeMs: 1, waitMs: 2, inferMs: 3, ageMs: 4 },
  }).head;
  assert.is(record.at(-1), 0, 'the record ends with the number of boxes');
  assert.throws(() => terminalRecordCodec.decode(Buffer.concat([record.subarray(0, -1), count])), (error: { code?: string }) => error.code === 'LINK_INVALID');
  assert.ok(performance.now() - startMs < 1000);
});

test('terminal records survive the wire', () => {
  const dropped: TerminalRecord = { kind: 'dropped', camera: 'a' as CameraId, epoch: 1, from: 2, to: 9, reason: 'stale', isIntentional: false, capturedAt: epochMicros(4) };
  assert.equal(terminalRecordCodec.decode(terminalRecordCodec.encode(dropped).head), dropped);
  const detected: TerminalRecord = {
    kind: 'detected', camera: 'a' as CameraId, epoch: 1, frameSeq: 3, capturedAt: epochMicros(4), ptsSeconds: 0.25, width: 640, height: 360,
    boxes: [{ classId: 0, label: 'person', score: 0.5, x1: 1, y1: 2, x2: 3, y2: 4 }], model: 'm@1', modelDigest: 'ab', provider: 'cpu',
    timings: { decodeMs: 1, waitMs: 2, inferMs: 3, ageMs: 4 },
  };
  assert.equal(terminalRecordCodec.decode(terminalRecordCodec.encode(detected).head), detected);
  assert.throws(() => terminalRecordCodec.decode(Uint8Array.of(200)), (error: { code?: string }) => error.code === 'LINK_INVALID');
});

test.run();
