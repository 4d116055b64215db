import { PlatformError, type ErrorCode } from '../engine/errors.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { FrameDecoder, Picture, Scaler } from '../media/types.ts';
import type { AccessUnit } from '../messages/access-unit.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { Feature, FeatureRequest } from '../messages/feature.ts';
import { isSameDecoding, type StreamParameters } from '../messages/stream-parameters.ts';
import type { DetectedRecord, DropReason } from '../messages/terminal-record.ts';
import type { CameraActivity, UnitArrival } from './activity/camera-activity.ts';
import { DropRuns } from './drop-runs.ts';
import type { FrameGate } from './frame-gate.ts';

/** No codec here holds a picture back for more units than this: an older one that is still missing never comes. */
const MAX_REORDER = 64;

/** What makes a stream undecodable here, whoever looks at it. */
const UNDECODABLE: readonly ErrorCode[] = ['MEDIA_UNSUPPORTED', 'MEDIA_INVALID', 'MEDIA_CORRUPT'];

/** A unit that waited this long although it is stale shows that even decoding is too slow: the rest of its GOP is left out. */
const SKIP_GOP_AFTER_MS = 1000;

/** What a camera's featurizer works with. */
export interface FeaturizerTools {
  readonly createDecoder: (parameters: StreamParameters, camera: CameraId) => Promise<FrameDecoder>;
  readonly scaler: Scaler;
  readonly nowMs: () => number;
  /** Tells which frames are worth decoding; absent: all are. */
  readonly activity?: CameraActivity;
  /** Shown every picture that is chosen, before it is freed. */
  readonly look?: (camera: CameraId, picture: Picture) => void;
}

interface Waiting {
  readonly capturedAt: EpochMicros; readonly arrivedAt: EpochMicros; readonly ptsSeconds: number | null;
  readonly isAccounted: boolean; readonly isStale: boolean; readonly receivedAtMs: number;
}

/**
 * Decodes one camera's access units and chooses frames before scaling them.
 * Each unit it is given ends as one feature, one dropped frame, or (already accounted for) nothing.
 */
export class CameraFeaturizer {
  readonly #camera: CameraId;
  readonly #tools: FeaturizerTools;
  readonly #gate: FrameGate;
  readonly #waiting = new Map<number, Waiting>();
  #feed = -1;
  #epoch = -1;
  #decoder: FrameDecoder | undefined;
  #parameters: StreamParameters | undefined;
  /** A decoder for `#parameters` was made, or could not be. */
  #hasTried = false;
  #isSynced = false;
  #isSkipping = false;
  #drops: DropRuns;
  #decodeMs = 0;
  /** What became final in the present call. */
  #out: Feature[] = [];

  constructor(camera: CameraId, gate: FrameGate, tools: FeaturizerTools) {
    this.#camera = camera;
    this.#tools = tools;
    this.#gate = gate;
    this.#drops = this.#newRuns(-1);
  }

  /** Takes one part and returns what became final. */
  async take(request: FeatureRequest<ChunkPart>): Promise<Feature[]> {
    const { part } = request;
    const out: Feature[] = [];
    this.#out = out;
    if (part.feed < this.#feed) return out;
    if (part.feed > this.#feed) this.#startOver(part.feed);
    if (part.epoch !== this.#epoch) this.#startEpoch(part.epoch);
    if (part.units.length > 0) await this.#prepare(part.parameters);
    for (const unit of part.units) this.#takeUnit(unit, request);
    if (part.isEpochEnd) this.#finishEpoch();
    if (this.#drops.isDue(this.#tools.nowMs())) out.push(...this.#drops.take());
    return out;
  }

  /** Takes note of what was found on a frame. What that decides comes out of the next `take`. */
  sees(record: DetectedRecord): void {
    this.#tools.activity?.sees(record, this);
  }

  /** Frees the decoder. What is still waiting has no record and will be fed again. */
  close(): void {
    this.#decoder?.close();
    this.#decoder = undefined;
    this.#hasTried = false;
    this.#waiting.clear();
    this.#tools.activity?.clear();
  }

  #takeUnit(unit: AccessUnit, request: FeatureRequest<ChunkPart>): void {
    const { isAccounted } = request.part;
    const { activity } = this.#tools;
    if (!this.#isSynced && !unit.isKey) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'undecodable', unit.capturedAt);
      return;
    }
    if (!this.#decoder) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'undecodable', unit.capturedAt);
      return;
    }
    // What is only kept costs nothing: it may be late.
    if (activity?.isOpen !== false && this.#skips(unit, request)) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'stale', unit.capturedAt);
      return;
    }
    this.#isSynced = true;
    if (unit.isActivityHint === true) activity?.hint();
    const arrival = { isAccounted, isStale: request.isStale, receivedAtMs: request.receivedAtMs };
    if (activity) activity.take(unit, arrival, this);
    else this.decode(unit, arrival);
  }

  /** Feeds the decoder; what comes out is chosen from at once. For `CameraActivity`. */
  decode(unit: AccessUnit, arrival: UnitArrival): void {
    const { num, den } = this.#parameters?.timeBase ?? { num: 0, den: 1 };
    this.#waiting.set(unit.frameSeq, {
      capturedAt: unit.capturedAt, arrivedAt: unit.arrivedAt, ptsSeconds: unit.pts === null ? null : unit.pts * num / den,
      ...arrival,
    });
    const startMs = this.#tools.nowMs();
    try {
      const pictures = this.#decoder?.decode(unit) ?? [];
      this.#decodeMs = this.#tools.nowMs() - startMs;
      this.#choose(pictures);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#giveUp(unit.frameSeq);
    }
    // One more time the bound: a decoder that gives nothing at all holds nothing up.
    this.#sweep(unit.frameSeq - 2 * MAX_REORDER);
  }

  /** Takes out what the decoder holds back; it starts at the next key frame. For `CameraActivity`. */
  restart(): void {
    try {
      if (this.#decoder) this.#choose(this.#decoder.flush());
    } catch (error) {
      if (!isCorrupt(error)) throw error;
    }
    for (const frameSeq of [...this.#waiting.keys()]) this.#giveUp(frameSeq);
  }

  quiet({ frameSeq, capturedAt }: AccessUnit): void { this.#drop(frameSeq, 'quiet', capturedAt); }

  undecodable({ frameSeq, capturedAt }: AccessUnit): void { this.#drop(frameSeq, 'undecodable', capturedAt); }

  #skips(unit: AccessUnit, request: FeatureRequest<ChunkPart>): boolean {
    if (unit.isKey) this.#isSkipping = false;
    else if (request.isStale && this.#tools.nowMs() - request.receivedAtMs > SKIP_GOP_AFTER_MS) this.#isSkipping = true;
    return this.#isSkipping;
  }

  #choose(pictures: readonly Picture[]): void {
    let freed = 0;
    try {
      for (const picture of pictures) {
        this.#chooseOne(picture);
        picture.free();
        freed += 1;
      }
    } finally {
      for (const picture of pictures.slice(freed)) picture.free();
    }
  }

  #chooseOne(picture: Picture): void {
    const waiting = this.#waiting.get(picture.frameSeq);
    if (!waiting) return;
    this.#waiting.delete(picture.frameSeq);
    this.#sweep(picture.frameSeq - MAX_REORDER);
    try {
      const feature = this.#judge(picture, waiting);
      if (feature) this.#out.push(feature);
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      this.#drop(picture.frameSeq, 'undecodable', waiting.capturedAt);
    }
  }

  #judge(picture: Picture, waiting: Waiting): Feature | undefined {
    if (waiting.isAccounted) return undefined;
    const { frameSeq } = picture;
    const purpose = this.#tools.activity ? this.#tools.activity.wants(frameSeq) : 'detection';
    if (purpose === undefined) return undefined;
    // A look decides about many frames, and looks are few.
    if (!this.#gate.admits(waiting.capturedAt) && purpose !== 'look') this.#drop(frameSeq, 'rate', waiting.capturedAt);
    else if (waiting.isStale) this.#drop(frameSeq, 'stale', waiting.capturedAt);
    else {
      this.#tools.look?.(this.#camera, picture);
      return {
        kind: 'frame', camera: this.#camera, epoch: this.#epoch, frameSeq, capturedAt: waiting.capturedAt, arrivedAt: waiting.arrivedAt,
        ptsSeconds: waiting.ptsSeconds, frame: this.#tools.scaler.scale(picture), decodeMs: this.#decodeMs, readyAtMs: waiting.receivedAtMs, feed: this.#feed,
      };
    }
    return undefined;
  }

  /** Everything older than `before` that has not come out by now never will. */
  #sweep(before: number): void {
    for (const frameSeq of this.#waiting.keys()) {
      if (frameSeq >= before) return;
      this.#giveUp(frameSeq);
    }
  }

  #giveUp(frameSeq: number): void {
    const waiting = this.#waiting.get(frameSeq);
    this.#waiting.delete(frameSeq);
    if (!waiting || waiting.isAccounted) return;
    if (this.#tools.activity && !this.#tools.activity.lost(frameSeq)) return;
    this.#drop(frameSeq, 'undecodable', waiting.capturedAt);
  }

  #drop(frameSeq: number, reason: DropReason, capturedAt: EpochMicros): void {
    this.#drops.add(frameSeq, reason, capturedAt, this.#tools.nowMs());
  }

  /** A new feed repeats whatever has no record yet: what is held here is forgotten, not reported. */
  #startOver(feed: number): void {
    this.close();
    this.#feed = feed;
    this.#epoch = -1;
    this.#isSynced = false;
    this.#isSkipping = false;
    this.#parameters = undefined;
    this.#drops.take();
  }

  #startEpoch(epoch: number): void {
    this.#finishEpoch();
    this.#epoch = epoch;
    this.#drops = this.#newRuns(epoch);
  }

  #finishEpoch(): void {
    this.#drain();
    this.#out.push(...this.#drops.take());
  }

  /** Takes the last pictures out of the decoder and closes it. */
  #drain(): void {
    if (this.#decoder) this.#tools.activity?.end(this);
    try {
      if (this.#decoder) this.#choose(this.#decoder.flush());
    } catch (error) {
      if (!isCorrupt(error)) throw error; // what it still held ends as undecodable
    } finally {
      for (const frameSeq of [...this.#waiting.keys()]) this.#giveUp(frameSeq);
      this.close();
      this.#isSynced = false;
    }
  }

  async #prepare(parameters: StreamParameters): Promise<void> {
    if (this.#hasTried && this.#parameters && isSameDecoding(this.#parameters, parameters)) return;
    this.#drain();
    this.#parameters = parameters;
    this.#hasTried = true;
    try {
      this.#decoder = await this.#tools.createDecoder(parameters, this.#camera);
      this.#tools.activity?.begin(this.#epoch, parameters);
    } catch (error) {
      // A stream that nobody can decode is this camera's alone: its frames end as undecodable, the others go on.
      if (!isUndecodable(error)) throw error;
    }
  }

  #newRuns(epoch: number): DropRuns {
    return new DropRuns(this.#camera, epoch, { maxItems: 128, withinMs: 500 });
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof PlatformError && error.code === 'MEDIA_CORRUPT';
}

function isUndecodable(error: unknown): boolean {
  return error instanceof PlatformError && UNDECODABLE.includes(error.code);
}
