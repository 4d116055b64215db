import { epochMicros, type CameraId, type EpochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { DeadLetter } from '../../src/messages/dead-letter.ts';
import type { DesiredCamera } from '../../src/messages/desired-camera.ts';
import type { DesiredModel } from '../../src/messages/desired-model.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import type { TopicName } from '../../src/messages/schema-history.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { Dice } from './dice.ts';

const LONGS = [0, 1, 127, 128, 2 ** 31, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER - 1];
const TEXTS = ['', 'person', 'чел\u0000овек', '人 🚶‍♀️', 'x'.repeat(3000), '"\\'];
const REALS = [0, -0.5, 1.5, 123_456.75, 2 ** 40]; // exact in 32 bits

const long = (dice: Dice): number => dice.pick(LONGS);
const text = (dice: Dice): string => dice.pick(TEXTS);
const real = (dice: Dice): number => dice.pick(REALS);
const time = (dice: Dice): EpochMicros => epochMicros(dice.pick([0, -1, 1_700_000_000_123_456, 7_258_118_400_000_000, -62_135_596_800_000_000 / 100, dice.between(0, 2e15)]));
const cameraId = (dice: Dice): CameraId => dice.pick(['a', 'dock-2', '0'.repeat(63)]) as CameraId;
const bytes = (dice: Dice, sizes: readonly number[] = [0, 1, 63, 64, 300]): Uint8Array => Uint8Array.from({ length: dice.pick(sizes) }, () => dice.between(0, 255));
const maybe = <T>(dice: Dice, make: (dice: Dice) => T): T | null => (dice.chance(0.3) ? null : make(dice));
const many = <T>(dice: Dice, counts: readonly number[], make: (dice: Dice) => T): T[] => Array.from({ length: dice.pick(counts) }, () => make(dice));

function chunkPart(dice: Dice): ChunkPart {
  const pts = (): number | null => maybe(dice, () => dice.pick([...LONGS, -4, -(2 ** 52) + 1]));
  return {
    camera: cameraId(dice), epoch: long(dice), chunkSeq: long(dice), partSeq: long(dice), chunkStartedAt: time(dice),
    parameters: {
      codec: dice.pick(['h264', 'hevc', 'png']), width: dice.pick([0, 1, 2 ** 31 - 1]), height: dice.pick([0, 16_384]), extradata: bytes(dice),
      timeBase: { num: dice.pick([1, 1001]), den: dice.pick([1, 90_000]) }, framing: dice.pick(['annexb', 'length-prefixed', 'raw']), frameRate: dice.pick([0, 29.97002997, 1e-9]),
      ...dice.chance(0.5) && { samples: { modality: dice.pick(['depth', 'thermal']), metresPerStep: maybe(dice, () => 0.0002), ...dice.chance(0.5) && { kelvinPerStep: 0.04 }, range: maybe(dice, () => [-20, 60.5] as const) } },
    },
    units: many(dice, [0, 1, 5], () => ({
      frameSeq: long(dice), pts: pts(), dts: pts(), duration: long(dice), isKey: dice.chance(0.5), isCorrupt: dice.chance(0.5), capturedAt: time(dice), arrivedAt: time(dice), data: bytes(dice),
      ...dice.chance(0.5) && { cameraClock: time(dice) },
      ...dice.chance(0.2) && { isActivityHint: true as const },
    })),
    isOpenGop: dice.chance(0.5), isEpochEnd: dice.chance(0.5), isRecovered: dice.chance(0.5), isAccounted: dice.chance(0.5), feed: long(dice),
    ...dice.chance(0.5) && { contentHash: 'ab'.repeat(32) },
  };
}

function featureTensor(dice: Dice): FeatureTensor {
  return {
    camera: cameraId(dice), epoch: long(dice), frameSeq: long(dice), capturedAt: time(dice), arrivedAt: time(dice), ptsSeconds: maybe(dice, real), modality: dice.pick(['rgb', 'depth', 'thermal']),
    encoder: text(dice), dtype: dice.pick(['uint8', 'float32']), shape: many(dice, [0, 3], () => dice.between(0, 4096)),
    geometry: maybe(dice, () => ({ scaleX: 0.1, scaleY: 1 / 3, padX: real(dice), padY: real(dice), sourceWidth: dice.between(1, 8192), sourceHeight: dice.between(1, 8192) })),
    decodeMs: 1 / 3, encoding: dice.pick(['raw', 'zstd', 'delta-zstd']), baseSeq: dice.pick([-1, long(dice)]), payload: bytes(dice, [0, 64, 10_000]),
  };
}

function terminalRecord(dice: Dice): TerminalRecord {
  const base = { camera: cameraId(dice), epoch: long(dice), capturedAt: time(dice) };
  if (dice.chance(0.4)) return { kind: 'dropped', ...base, from: long(dice), to: long(dice), reason: dice.pick(['rate', 'stale', 'superseded', 'handed-over']), isIntentional: dice.chance(0.5) };
  return {
    kind: 'detected', ...base, frameSeq: long(dice), ptsSeconds: maybe(dice, real), width: dice.between(1, 8192), height: dice.between(1, 8192),
    boxes: many(dice, [0, 1, 50], () => ({ classId: dice.between(0, 1000), label: text(dice), score: 0.25, x1: 1.5, y1: -0.25, x2: 1e6, y2: 3, ...(dice.chance(0.5) ? { trackId: long(dice) } : {}) })),
    model: text(dice), modelDigest: text(dice), provider: text(dice), timings: { decodeMs: real(dice), waitMs: real(dice), inferMs: real(dice), ageMs: real(dice) },
  };
}

function platformEvent(dice: Dice): PlatformEvent {
  const camera = cameraId(dice);
  const at = time(dice);
  const node = dice.chance(0.5) ? { node: text(dice) } : {};
  const message = dice.chance(0.5) ? { message: text(dice) } : {};
  return dice.pick<() => PlatformEvent>([
    () => ({ type: 'camera-state', camera, at, state: dice.pick(['connecting', 'live', 'removed']), ...dice.chance(0.5) && { code: 'SOURCE_STALLED' }, ...message, ...dice.chance(0.5) && { retryInMs: 12.25 }, ...node }),
    () => ({ type: 'gap', camera, at, from: time(dice), to: time(dice), reason: text(dice), ...node }),
    () => ({ type: 'backfilled', camera, at, from: time(dice), to: time(dice), frames: long(dice), ...node }),
    () => ({ type: 'failed-over', camera, at, fromSource: text(dice), toSource: text(dice), reason: text(dice), ...node }),
    () => ({ type: 'restored', camera, at, fromSource: text(dice), toSource: text(dice), ...node }),
    () => ({ type: 'torn-tail', camera, at, file: text(dice), cutBytes: long(dice), ...node }),
    () => ({ type: 'process', at, process: text(dice), state: dice.pick(['started', 'escalated']), generation: long(dice), ...message, ...node }),
    () => ({ type: 'model', at, model: text(dice), state: dice.pick(['active', 'refused']), ...dice.chance(0.5) && { code: 'MODEL_INVALID' }, ...message, ...node }),
    () => ({ type: 'received', camera, at, epoch: long(dice), received: long(dice), node: text(dice) }),
  ])();
}

function desiredCamera(dice: Dice): DesiredCamera {
  return {
    id: cameraId(dice), uri: `rtsp://user:pass@host/${dice.between(0, 1e9)}`, maxFps: maybe(dice, () => 0.1), isDetecting: dice.chance(0.5), isLooping: dice.chance(0.5),
    ...dice.chance(0.5) && { pictures: { modality: maybe(dice, () => dice.pick(['rgb', 'depth', 'thermal'])), fps: maybe(dice, () => 2.5), metresPerStep: maybe(dice, () => 0.0002), ...dice.chance(0.5) && { kelvinPerStep: 0.04 }, range: maybe(dice, () => [0, 4.5] as const) } },
    ...dice.chance(0.5) && { encoders: [{ name: 'hog', options: { cell: 8 } }] }, ...dice.chance(0.5) && { fallbacks: [`rtsp://user:pass@host/${dice.between(0, 9)}`, '/footage/yard.mp4'] },
    ...dice.chance(0.5) && { standby: dice.pick(['cold', 'warm']) }, ...dice.chance(0.5) && { restoreAfterMs: dice.between(0, 1e5) }, ...dice.chance(0.5) && { tenant: 'harbour' }, ...dice.chance(0.5) && { priority: 2.5 },
    ...dice.chance(0.5) && { at: time(dice) },
  };
}

function desiredModel(dice: Dice): DesiredModel {
  return { model: `${text(dice)}@${dice.between(0, 9)}`, at: time(dice) };
}

function cameraPosition(dice: Dice): CameraPosition {
  return {
    group: text(dice), camera: cameraId(dice), at: time(dice),
    epochs: many(dice, [0, 1, 3], () => ({
      epoch: long(dice), chunkOffset: long(dice), chunkAtMs: 1_700_000_000_123, terminalTo: dice.pick([-1, long(dice)]),
      terminalAbove: many(dice, [0, 1, 40], () => { const from = dice.between(0, 1e9); return { from, to: from + dice.between(0, 9) }; }), isOver: dice.chance(0.5),
    })),
  };
}

function deadLetter(dice: Dice): DeadLetter {
  return {
    topic: text(dice), partition: dice.between(0, 10_000), offset: long(dice), group: text(dice), key: maybe(dice, text), headers: { [`h${dice.between(0, 9)}`]: text(dice), ['ce_id']: text(dice) },
    errorCode: 'RECORD_INVALID', errorMessage: text(dice), tries: dice.between(1, 9), at: time(dice), payload: bytes(dice, [0, 300, 10_000]),
  };
}

const MAKERS: Readonly<Record<TopicName, (dice: Dice) => unknown>> = {
  chunks: chunkPart, features: featureTensor, detections: terminalRecord, events: platformEvent, cameras: desiredCamera, models: desiredModel, positions: cameraPosition, 'dead-letters': deadLetter,
};

/** Any body of a topic, extremes included. */
export function randomBody(topic: TopicName, dice: Dice): unknown {
  return MAKERS[topic](dice);
}
