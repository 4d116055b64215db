import { PlatformError, type ErrorCode } from '../engine/errors.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { FrameDecoder, Picture, Scaler } from '../media/types.ts';
import type { AccessUnit } from '../messages/access-unit.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { Feature, FeatureRequest } from '../messages/feature.ts';
import { isSameDecoding, type StreamParameters } from '../messages/stream-parameters.ts';
import type { DropReason } from '../messages/terminal-record.ts';
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
    if (part.feed < this.#feed) return out;
    if (part.feed > this.#feed) this.#startOver(part.feed);
    if (part.epoch !== this.#epoch) this.#startEpoch(part.epoch, out);
    if (part.units.length > 0) await this.#prepare(part.parameters, out);
    for (const unit of part.units) this.#takeUnit(unit, request, out);
    if (part.isEpochEnd) this.#finishEpoch(out);
    if (this.#drops.isDue(this.#tools.nowMs())) out.push(...this.#drops.take());
    return out;
  }

  /** Frees the decoder. What is still waiting has no record and will be fed again. */
  close(): void {
    this.#decoder?.close();
    this.#decoder = undefined;
    this.#hasTried = false;
    this.#waiting.clear();
  }

  #takeUnit(unit: AccessUnit, request: FeatureRequest<ChunkPart>, out: Feature[]): void {
    const { isAccounted, parameters } = request.part;
    const { num, den } = parameters.timeBase;
    if (!this.#isSynced && !unit.isKey) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'undecodable', unit.capturedAt);
      return;
    }
    if (!this.#decoder) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'undecodable', unit.capturedAt);
      return;
    }
    if (this.#skips(unit, request)) {
      if (!isAccounted) this.#drop(unit.frameSeq, 'stale', unit.capturedAt);
      return;
    }
    this.#isSynced = true;
    this.#waiting.set(unit.frameSeq, {
      capturedAt: unit.capturedAt, arrivedAt: unit.arrivedAt, ptsSeconds: unit.pts === null ? null : unit.pts * num / den,
      isAccounted, isStale: request.isStale, receivedAtMs: request.receivedAtMs,
    });
    const startMs = this.#tools.nowMs();
    try {
      const pictures = this.#decoder.decode(unit);
      this.#decodeMs = this.#tools.nowMs() - startMs;
      this.#choose(pictures, out);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#giveUp(unit.frameSeq);
    }
    // One more time the bound: a decoder that gives nothing at all holds nothing up.
    this.#sweep(unit.frameSeq - 2 * MAX_REORDER);
  }

  #skips(unit: AccessUnit, request: FeatureRequest<ChunkPart>): boolean {
    if (unit.isKey) this.#isSkipping = false;
    else if (request.isStale && this.#tools.nowMs() - request.receivedAtMs > SKIP_GOP_AFTER_MS) this.#isSkipping = true;
    return this.#isSkipping;
  }

  #choose(pictures: readonly Picture[], out: Feature[]): void {
    let freed = 0;
    try {
      for (const picture of pictures) {
        this.#chooseOne(picture, out);
        picture.free();
        freed += 1;
      }
    } finally {
      for (const picture of pictures.slice(freed)) picture.free();
    }
  }

  #chooseOne(picture: Picture, out: Feature[]): void {
    const waiting = this.#waiting.get(picture.frameSeq);
    if (!waiting) return;
    this.#waiting.delete(picture.frameSeq);
    this.#sweep(picture.frameSeq - MAX_REORDER);
    try {
      const feature = this.#judge(picture, waiting);
      if (feature) out.push(feature);
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      this.#drop(picture.frameSeq, 'undecodable', waiting.capturedAt);
    }
  }

  #judge(picture: Picture, waiting: Waiting): Feature | undefined {
    if (waiting.isAccounted) return undefined;
    const { frameSeq } = picture;
    if (!this.#gate.admits(waiting.capturedAt)) this.#drop(frameSeq, 'rate', waiting.capturedAt);
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
    if (waiting && !waiting.isAccounted) this.#drop(frameSeq, 'undecodable', waiting.capturedAt);
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

  #startEpoch(epoch: number, out: Feature[]): void {
    this.#finishEpoch(out);
    this.#epoch = epoch;
    this.#drops = this.#newRuns(epoch);
  }

  #finishEpoch(out: Feature[]): void {
    this.#drain(out);
    for (const frameSeq of [...this.#waiting.keys()]) this.#giveUp(frameSeq);
    out.push(...this.#drops.take());
  }

  /** Takes the last pictures out of the decoder and closes it. */
  #drain(out: Feature[]): void {
    try {
      if (this.#decoder) this.#choose(this.#decoder.flush(), out);
    } catch (error) {
      if (!isCorrupt(error)) throw error; // what it still held ends as undecodable
    } finally {
      this.#decoder?.close();
      this.#decoder = undefined;
      this.#hasTried = false;
      this.#isSynced = false;
    }
  }

  async #prepare(parameters: StreamParameters, out: Feature[]): Promise<void> {
    if (this.#hasTried && this.#parameters && isSameDecoding(this.#parameters, parameters)) return;
    this.#drain(out);
    this.#parameters = parameters;
    this.#hasTried = true;
    try {
      this.#decoder = await this.#tools.createDecoder(parameters, this.#camera);
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
