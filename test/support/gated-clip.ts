import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { CameraActivity } from '../../src/feature-ops/activity/camera-activity.ts';
import { CameraFeaturizer } from '../../src/feature-ops/camera-featurizer.ts';
import { FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { truthAt, type Scene } from '../../src/ingress/scene.ts';
import { createDecoder, type PacketReader } from '../../src/media/index.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { Feature } from '../../src/messages/feature.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import type { Box, DetectedRecord } from '../../src/messages/terminal-record.ts';

/** A video with what a detector that sees every frame says of it. */
export interface GateClip {
  readonly name: string;
  readonly parameters: StreamParameters;
  /** In decode order, `frameSeq` from 0, `capturedAt` from 0. */
  readonly units: readonly AccessUnit[];
  /** By `frameSeq`. Scores from `SCORE_MIN` on. */
  readonly boxes: readonly (readonly Box[])[];
  readonly seconds: number;
  /** What the boxes are from. */
  readonly truth: 'ground truth' | 'YOLOX-nano';
}

/** What the gate made of a clip in one of its rounds. */
export interface GateRound {
  /** Of the frames with a confident detection those that were detected on; NaN: there are none. */
  readonly recall: number;
  readonly confident: number;
  /** Of all frames. */
  readonly skipped: number;
  /** Of the frames of stretches of three seconds or more without a confident detection; NaN: there are none. */
  readonly skippedOfEmpty: number;
  /** Calls of the decoder for each frame. */
  readonly decodes: number;
  /** Share of frames at which the gate was in each state. */
  readonly states: Readonly<Record<string, number>>;
  readonly score: number;
}

/** What is missed when it is not let through. */
export const CONFIDENT = 0.5;
const EMPTY_SECONDS = 3;
const CAMERA = 'clip' as CameraId;
const FRAME: ModelFrame = { pixels: new Uint8Array(0), width: 1, height: 1, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 1, sourceHeight: 1 };

/** Plays a clip `rounds` times to one camera's featurizer with its gate, real decoder and all; the detector's answers are those it gives to every frame. */
export async function playGated(clip: GateClip, rounds: number): Promise<readonly GateRound[]> {
  let decodes = 0;
  let status = '';
  const activity = new CameraActivity({ probeHz: 2, holdMs: 500 }, { changed: ({ state, reason }) => { status = reason ? `${state}: ${reason}` : state; }, woke: () => {} });
  const featurizer = new CameraFeaturizer(CAMERA, new FrameRateGate(null), {
    activity, nowMs: () => performance.now(), scaler: { scale: () => FRAME, close: () => {} },
    createDecoder: async parameters => {
      const decoder = await createDecoder(parameters, { threads: 1 });
      return { flush: () => decoder.flush(), close: () => decoder.close(), decode: unit => { decodes += 1; return decoder.decode(unit); } };
    },
  });
  const results: GateRound[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ends = new Map<number, 'frame' | 'dropped'>();
    const states: Record<string, number> = {};
    const before = decodes;
    const shift = round * (clip.seconds + 0.1) * 1e6;
    const take = (features: readonly Feature[]): void => {
      for (const feature of features) {
        const [from, to] = feature.kind === 'frame' ? [feature.frameSeq, feature.frameSeq] : [feature.from, feature.to];
        for (let seq = from; seq <= to; seq += 1) {
          if (ends.has(seq)) throw new Error(`${clip.name}: frame ${seq} ended twice`);
          ends.set(seq, feature.kind);
        }
        if (feature.kind === 'frame') featurizer.sees(answer(clip, feature.epoch, feature.frameSeq, feature.capturedAt));
      }
    };
    for (const unit of clip.units) {
      take(await featurizer.take({ part: partOf(clip, round, [{ ...unit, capturedAt: epochMicros(unit.capturedAt + shift) }]), isStale: false, receivedAtMs: 0 }));
      states[status] = (states[status] ?? 0) + 1 / clip.units.length;
    }
    take(await featurizer.take({ part: { ...partOf(clip, round, []), isEpochEnd: true }, isStale: false, receivedAtMs: 0 }));
    if (ends.size !== clip.units.length) throw new Error(`${clip.name}: ${ends.size} of ${clip.units.length} frames ended`);
    results.push({ ...countOf(clip, ends), decodes: (decodes - before) / clip.units.length, states, score: activity.status.score });
  }
  featurizer.close();
  return results;
}

function partOf(clip: GateClip, round: number, units: ChunkPart['units']): ChunkPart {
  return { camera: CAMERA, epoch: round, chunkSeq: 0, partSeq: 0, chunkStartedAt: epochMicros(0), parameters: clip.parameters, units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 1 };
}

function answer(clip: GateClip, epoch: number, frameSeq: number, capturedAt: DetectedRecord['capturedAt']): DetectedRecord {
  const { width, height } = clip.parameters;
  return {
    kind: 'detected', camera: CAMERA, epoch, frameSeq, capturedAt, ptsSeconds: null, width, height, boxes: clip.boxes[frameSeq] ?? [], model: '', modelDigest: '', provider: 'cpu',
    timings: { decodeMs: 0, waitMs: 0, inferMs: 0, ageMs: 0 },
  };
}

function countOf(clip: GateClip, ends: ReadonlyMap<number, 'frame' | 'dropped'>): Pick<GateRound, 'recall' | 'confident' | 'skipped' | 'skippedOfEmpty'> {
  const shown = clip.units.toSorted((a, b) => a.capturedAt - b.capturedAt);
  const isConfident = shown.map(({ frameSeq }) => (clip.boxes[frameSeq] ?? []).some(box => box.score >= CONFIDENT));
  const isSkipped = shown.map(({ frameSeq }) => ends.get(frameSeq) === 'dropped');
  let [empty, emptySkipped] = [0, 0];
  for (let from = 0; from < shown.length;) {
    let to = from;
    while (to < shown.length && !isConfident[to]) to += 1;
    const seconds = ((shown[to - 1]?.capturedAt ?? 0) - (shown[from]?.capturedAt ?? 0)) / 1e6;
    if (to > from && seconds >= EMPTY_SECONDS) {
      empty += to - from;
      emptySkipped += isSkipped.slice(from, to).filter(Boolean).length;
    }
    from = Math.max(to, from + 1);
  }
  const confident = isConfident.filter(Boolean).length;
  const let_ = isConfident.filter((each, index) => each && !isSkipped[index]).length;
  return { recall: let_ / confident, confident, skipped: isSkipped.filter(Boolean).length / shown.length, skippedOfEmpty: emptySkipped / empty };
}

/** Reads a source to its end; `capturedAt` is the presentation time. */
export async function unitsOf(reader: PacketReader): Promise<{ readonly parameters: StreamParameters; readonly units: readonly AccessUnit[] }> {
  const { num, den } = reader.parameters.timeBase;
  const { parameters } = reader;
  const units: AccessUnit[] = [];
  for (;;) {
    try {
      const packet = await reader.read();
      if (!packet) break;
      const capturedAt = epochMicros(Math.max(0, Math.round((packet.pts ?? packet.dts ?? units.length) * num / den * 1e6)));
      units.push({ ...packet, frameSeq: units.length, capturedAt, arrivedAt: capturedAt });
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
    }
  }
  await reader.close();
  return { parameters, units };
}

/** The ground truth of a scene, as a detector would tell it. */
export function trueBoxes(scene: Scene, seconds: number): Box[] {
  return truthAt(scene, seconds).map(({ label, x1, y1, x2, y2 }) => ({ classId: 0, label, score: 0.9, x1, y1, x2, y2 }));
}
