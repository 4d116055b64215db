import type { Envelope } from '../../src/engine/ports.ts';
import type { Stage, StageContext } from '../../src/engine/stage.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { TRACKED_SCORE_MIN, trackers } from '../../src/feature-ops/trackers/index.ts';
import type { Tracker, TrackerFactory } from '../../src/feature-ops/trackers/tracker.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import type { Feature } from '../../src/messages/feature.ts';
import type { Box, DetectedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';

/** Trackers by camera; `*` for the others. */
export type TrackerNames = Readonly<Record<string, string>>;

const NONE = 'none';
/** Frames of a camera whose boxes are remembered: those that come again, because their records were lost on the way, must name the same objects. */
const REMEMBERED = 512;
/** A frame of the same session that is older than the last by less is a late one, by more the sign that time was set. */
const LATE_MICROS = 60_000_000;
/** Cameras that are remembered; the one silent for the longest goes first. */
const CAMERAS_MAX = 1_024;

interface Followed { readonly tracker: Tracker; readonly remembered: Map<string, readonly Box[]>; epoch: number; lastAt: number; objects: number }

function isTracking(names: TrackerNames | undefined): boolean {
  return Object.values(names ?? {}).some(name => name !== NONE);
}

/** What the model is loaded with: a tracker wants poor boxes too. */
export function modelForTracking(model: DetectorOptions, names: TrackerNames | undefined): DetectorOptions {
  return isTracking(names) ? { ...model, scoreMin: Math.min(model.scoreMin, TRACKED_SCORE_MIN) } : model;
}

/**
 * The detector with the trackers of its cameras behind it; the detector itself where there are none. Frames of a camera come in the order they are shown.
 * @throws PlatformError PLUGIN_UNKNOWN
 */
export async function followed(detector: Stage<Feature, TerminalRecord>, names: TrackerNames | undefined, scoreMin: number, telemetry: Pick<Recorder, 'count'>): Promise<Stage<Feature, TerminalRecord>> {
  if (names === undefined || !isTracking(names)) return detector;
  const factories = new Map<string, TrackerFactory>();
  for (const name of new Set(Object.values(names))) if (name !== NONE) factories.set(name, await trackers.create(name, {}, undefined, 'vision.tracker'));
  const factoryOf = (camera: CameraId): TrackerFactory | undefined => factories.get(names[camera] ?? names['*'] ?? NONE);
  return new FollowedDetector(detector, { factoryOf, scoreMin, onObjects: (camera, count) => telemetry.count('objects', { camera }, count) });
}

interface Following {
  readonly factoryOf: (camera: CameraId) => TrackerFactory | undefined;
  /** Poorer boxes are left out, unless they are of an object that is followed. */
  readonly scoreMin: number;
  readonly onObjects: (camera: CameraId, count: number) => void;
}

class FollowedDetector implements Stage<Feature, TerminalRecord> {
  readonly #detector: Stage<Feature, TerminalRecord>;
  readonly #following: Following;
  readonly #cameras = new Map<CameraId, Followed>();

  constructor(detector: Stage<Feature, TerminalRecord>, following: Following) {
    this.#detector = detector;
    this.#following = following;
  }

  open(ctx: StageContext): Promise<void> { return this.#detector.open(ctx); }

  async process(batch: readonly Envelope<Feature>[], ctx: StageContext): Promise<readonly Envelope<TerminalRecord>[]> {
    const ended = await this.#detector.process(batch, ctx);
    return ended.map(envelope => (envelope.body.kind === 'detected' ? { ...envelope, body: { ...envelope.body, boxes: this.#follow(envelope.body, envelope.key) } } : envelope));
  }

  close(): Promise<void> { return this.#detector.close(); }

  #follow({ camera, epoch, frameSeq, capturedAt, boxes }: DetectedRecord, lane: CameraId): readonly Box[] {
    const { factoryOf, scoreMin, onObjects } = this.#following;
    const factory = factoryOf(camera);
    if (factory === undefined) return boxes.filter(({ score }) => score >= scoreMin);
    const state = this.#stateOf(lane, capturedAt, factory);
    const key = `${epoch}/${frameSeq}`;
    const before = state.remembered.get(key);
    if (before !== undefined) return before;
    const isLate = epoch <= state.epoch && capturedAt < state.lastAt && state.lastAt - capturedAt < LATE_MICROS;
    const named = isLate ? boxes : state.tracker.track(capturedAt, boxes);
    if (!isLate) Object.assign(state, { lastAt: capturedAt, epoch });
    const kept = named.filter(({ score, trackId }) => score >= scoreMin || trackId !== undefined);
    const newest = Math.max(state.objects, ...kept.map(({ trackId = 0 }) => trackId));
    if (newest > state.objects) onObjects(camera, newest - state.objects);
    state.objects = newest;
    state.remembered.set(key, kept);
    if (state.remembered.size > REMEMBERED) state.remembered.delete(state.remembered.keys().next().value ?? key);
    return kept;
  }

  #stateOf(camera: CameraId, at: number, factory: TrackerFactory): Followed {
    const known = this.#cameras.get(camera);
    this.#cameras.delete(camera); // the one heard of last stands last
    // Ids begin at the milliseconds of event time, so that a process that follows this one gives none again; a file's first object has the number 1.
    const state = known ?? { tracker: factory(Math.floor(at / 1_000) + 1), remembered: new Map(), epoch: 0, lastAt: at, objects: Math.floor(at / 1_000) };
    this.#cameras.set(camera, state);
    if (this.#cameras.size > CAMERAS_MAX) this.#cameras.delete(this.#cameras.keys().next().value ?? camera);
    return state;
  }
}
