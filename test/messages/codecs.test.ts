import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { type Dice, rollDice } from '../support/dice.ts';

const part: ChunkPart = {
  camera: 'dock-2' as CameraId, epoch: 3, chunkSeq: 1, partSeq: 7, chunkStartedAt: epochMicros(1_700_000_000_000_000),
  parameters: { codec: 'h264', width: 640, height: 360, extradata: Uint8Array.of(1, 2, 3), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 15 },
  units: [
    { frameSeq: 40, pts: 1, dts: null, duration: 0, isKey: true, isCorrupt: false, capturedAt: epochMicros(5), arrivedAt: epochMicros(6), data: Uint8Array.of(9, 8) },
    { frameSeq: 41, pts: null, dts: -4, duration: 3, isKey: false, isCorrupt: true, capturedAt: epochMicros(7), arrivedAt: epochMicros(8), cameraClock: epochMicros(-9), data: Uint8Array.of(7) },
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

const EXTREMES = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER - 1, -(2 ** 52) + 1];
const LABELS = ['', 'person', 'чел\u0000овек', '人 🚶‍♀️', 'x'.repeat(5000), '"\\'];

function randomUnit(dice: Dice): ChunkPart['units'][number] {
  const number = (): number => dice.pick(EXTREMES);
  const maybe = (): number | null => (dice.chance(0.3) ? null : number());
  return {
    frameSeq: Math.abs(number()), pts: maybe(), dts: maybe(), duration: Math.abs(number()), isKey: dice.chance(0.5), isCorrupt: dice.chance(0.5),
    capturedAt: epochMicros(number()), arrivedAt: epochMicros(number()), data: Uint8Array.from({ length: dice.pick([0, 1, 300]) }, () => dice.between(0, 255)),
  };
}

function randomPart(dice: Dice): ChunkPart {
  const bytes = (): Uint8Array => Uint8Array.from({ length: dice.pick([0, 1, 40]) }, () => dice.between(0, 255));
  const big = (): number => Math.abs(dice.pick(EXTREMES));
  return {
    camera: dice.pick(['a', 'dock-2', '0'.repeat(63)]) as CameraId, epoch: big(), chunkSeq: big(), partSeq: big(), chunkStartedAt: epochMicros(dice.pick(EXTREMES)),
    parameters: {
      codec: dice.pick(['h264', 'hevc', 'av1', 'vp8', 'vp9', 'mjpeg', 'mpeg4', 'png']), width: dice.pick([0, 1, 2 ** 31 - 1]), height: dice.pick([0, 16_384]), extradata: bytes(),
      timeBase: { num: dice.pick([1, 1001]), den: dice.pick([1, 90_000, 2 ** 31 - 1]) }, framing: dice.pick(['annexb', 'length-prefixed', 'raw']), frameRate: dice.pick([0, 29.97002997, 1e-9]),
    },
    units: Array.from({ length: dice.pick([0, 1, 1, 5]) }, () => randomUnit(dice)),
    isOpenGop: dice.chance(0.5), isEpochEnd: dice.chance(0.5), isRecovered: dice.chance(0.5), isAccounted: dice.chance(0.5), feed: big(),
  };
}

function randomRecord(dice: Dice): TerminalRecord {
  const base = { camera: 'dock-2' as CameraId, epoch: Math.abs(dice.pick(EXTREMES)), capturedAt: epochMicros(dice.pick(EXTREMES)) };
  if (dice.chance(0.4)) {
    return { kind: 'dropped', ...base, from: Math.abs(dice.pick(EXTREMES)), to: Math.abs(dice.pick(EXTREMES)), reason: dice.pick(['rate', 'not-wanted', 'stale', 'undecodable', 'expired']), isIntentional: dice.chance(0.5) };
  }
  const real = (): number => dice.pick([0, -0.5, 1.5, 123_456.75, 2 ** 40]); // exact in the 32 bits that timings have
  return {
    kind: 'detected', ...base, frameSeq: Math.abs(dice.pick(EXTREMES)), ptsSeconds: dice.chance(0.3) ? null : real(), width: dice.between(1, 8192), height: dice.between(1, 8192),
    boxes: Array.from({ length: dice.pick([0, 1, 200]) }, () => ({ classId: dice.between(0, 1000), label: dice.pick(LABELS), score: 0.25, x1: 1.5, y1: -0.25, x2: 1e6, y2: 3 })),
    model: dice.pick(LABELS), modelDigest: dice.pick(LABELS), provider: dice.pick(LABELS), timings: { decodeMs: real(), waitMs: real(), inferMs: real(), ageMs: real() },
  };
}

test('whatever a part or record holds, extremes and all, comes out of the wire as it went in', () => {
  const dice = rollDice('codecs');
  for (let round = 0; round < 500; round += 1) {
    const body = randomPart(dice);
    const back = roundTrip(body);
    const asPlain = (value: ChunkPart): unknown => plain({ ...value, parameters: { ...value.parameters, extradata: Array.from(value.parameters.extradata) }, units: value.units.map(unit => ({ ...unit, data: Array.from(unit.data) })) });
    assert.equal(asPlain(back), asPlain(body), `round ${round}`);
    assert.equal(Object.keys(back).sort(), Object.keys(body).sort());
    const record = randomRecord(dice);
    assert.equal(terminalRecordCodec.decode(terminalRecordCodec.encode(record).head), record, `round ${round}`);
  }
});

test('times that a damaged stream may name, beyond what is exact, are none; event times are whole microseconds', () => {
  const [unit] = part.units;
  const [back] = roundTrip({ ...part, units: [{ ...unit!, pts: 2 ** 63, dts: -(2 ** 63), duration: 1.5, capturedAt: epochMicros(10.4), arrivedAt: epochMicros(11.6) }] }).units;
  assert.equal([back?.pts, back?.dts, back?.duration, back?.capturedAt, back?.arrivedAt], [null, null, 0, 10, 12]);
});

test('bytes that were cut are refused by name', () => {
  const dice = rollDice('damaged bytes');
  const isRefused = (error: { code?: string }): boolean => error.code === 'LINK_INVALID';
  const cut = (bytes: Uint8Array): Uint8Array => bytes.slice(0, dice.between(0, bytes.length - 1));
  for (let round = 0; round < 1000; round += 1) {
    const { head, payload } = chunkPartCodec.encode(randomPart(dice));
    assert.throws(() => chunkPartCodec.decode(cut(head), payload ?? new Uint8Array(0)), isRefused);
    assert.throws(() => terminalRecordCodec.decode(cut(terminalRecordCodec.encode(randomRecord(dice)).head)), isRefused);
  }
});

test.run();
