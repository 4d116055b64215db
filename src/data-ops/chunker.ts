import { PlatformError } from '../engine/errors.ts';
import type { Envelope } from '../engine/ports.ts';
import type { Stage } from '../engine/stage.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { SourceUnit } from '../messages/access-unit.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import { isSameMeaning, type StreamParameters } from '../messages/stream-parameters.ts';

/** How a session is cut into chunks. */
export interface ChunkerOptions {
  readonly camera: CameraId;
  /** Reserved by the store before the first unit. */
  readonly epoch: number;
  /** A chunk ends at the first key frame after so many seconds of event time. Longer: fewer files; shorter: less to read again after a crash. */
  readonly chunkSeconds: number;
  /** True when decoding can start at this key frame without losing a picture that follows it. */
  readonly isClosedGopStart: (parameters: StreamParameters, unit: SourceUnit) => boolean;
}

/** The chunk that units are being added to. */
interface OpenChunk {
  readonly chunkSeq: number;
  readonly startedAt: EpochMicros;
  readonly parameters: StreamParameters;
  readonly isOpenGop: boolean;
  /** False: nothing of it can be decoded before its first key frame, which therefore starts a chunk of its own. */
  readonly isKeyFirst: boolean;
  parts: number;
}

/**
 * Gives every unit of one session its place: frameSeq in decode order, chunk and part; one unit a part.
 * A chunk starts at a key frame, except at the start of the session and where the stream changes between key frames.
 */
export class Chunker implements Stage<SourceUnit, ChunkPart> {
  readonly #options: ChunkerOptions;
  #chunk: OpenChunk | undefined;
  #nextFrameSeq = 0;

  constructor(options: ChunkerOptions) { this.#options = options; }

  async open(): Promise<void> { /* nothing to load */ }

  /** @throws PlatformError MEDIA_INVALID when the first unit carries no parameters */
  async process(batch: readonly Envelope<SourceUnit>[]): Promise<readonly Envelope<ChunkPart>[]> {
    return batch.map((envelope) => ({ body: this.#place(envelope.body), key: this.#options.camera, capturedAt: envelope.capturedAt, trace: envelope.trace }));
  }

  async close(): Promise<void> { /* nothing held */ }

  /** The part that ends the epoch, without units; none when there was no unit. */
  end(): readonly Envelope<ChunkPart>[] {
    const { camera, epoch } = this.#options;
    const chunk = this.#chunk;
    if (chunk === undefined) return [];
    const part: ChunkPart = {
      camera, epoch, chunkSeq: chunk.chunkSeq, partSeq: chunk.parts, chunkStartedAt: chunk.startedAt, parameters: chunk.parameters,
      units: [], isOpenGop: chunk.isOpenGop, isEpochEnd: true, isRecovered: false, isAccounted: false, feed: 0,
    };
    return [{ body: part, key: camera, capturedAt: chunk.startedAt, trace: '' }];
  }

  #place(unit: SourceUnit): ChunkPart {
    const { camera, epoch } = this.#options;
    const chunk = this.#chunkFor(unit);
    const frameSeq = this.#nextFrameSeq;
    const part: ChunkPart = {
      camera, epoch, chunkSeq: chunk.chunkSeq, partSeq: chunk.parts, chunkStartedAt: chunk.startedAt, parameters: chunk.parameters,
      units: [{ ...unit, frameSeq }], isOpenGop: chunk.isOpenGop,
      isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
    };
    this.#nextFrameSeq += 1;
    chunk.parts += 1;
    return part;
  }

  #chunkFor(unit: SourceUnit): OpenChunk {
    const open = this.#chunk;
    const parameters = unit.parameters ?? open?.parameters;
    if (parameters === undefined) {
      throw new PlatformError('MEDIA_INVALID', `the first unit of camera '${this.#options.camera}' carries no stream parameters`, { camera: this.#options.camera });
    }
    if (open !== undefined && !this.#endsBefore(open, unit)) return open;
    const isOpenGop = !unit.isKey || !this.#options.isClosedGopStart(parameters, unit);
    this.#chunk = { chunkSeq: (open?.chunkSeq ?? -1) + 1, startedAt: unit.capturedAt, parameters, isOpenGop, isKeyFirst: unit.isKey, parts: 0 };
    return this.#chunk;
  }

  #endsBefore(open: OpenChunk, unit: SourceUnit): boolean {
    if (unit.parameters !== undefined && !isSameStream(unit.parameters, open.parameters)) return true;
    if (!unit.isKey) return false;
    if (!open.isKeyFirst) return true;
    // A camera clock that was set back ends the chunk too, or it would not end before the clock catches up.
    return Math.abs(unit.capturedAt - open.startedAt) >= this.#options.chunkSeconds * 1e6;
  }
}

function isSameStream(a: StreamParameters, b: StreamParameters): boolean {
  return a === b || (a.codec === b.codec && a.width === b.width && a.height === b.height && a.framing === b.framing
    && a.timeBase.num === b.timeBase.num && a.timeBase.den === b.timeBase.den && isSameMeaning(a.samples, b.samples) && Buffer.compare(a.extradata, b.extradata) === 0);
}
