import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { Envelope } from '../engine/ports.ts';
import type { Stage, StageContext } from '../engine/stage.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import { IndexFeed, type IndexSink } from './archive/index-feed.ts';
import { type ChunkTools, OpenChunk } from './archive/open-chunk.ts';

/** How a session is recorded. */
export interface RecorderOptions extends ChunkTools {
  readonly index: IndexSink;
  /**
   * What a power cut takes at most, in milliseconds: so often files are synced and the index is told.
   * @default 200
   */
  readonly partMs?: number;
}

/** How long `close` waits for the store to take the last rows; recovery indexes what it did not take. */
const CLOSE_LIMIT_MS = 5000;

/**
 * Writes the parts of one session into chunk files and passes each on when it is in its file: it then survives kill -9.
 * Files are synced and indexed every `partMs` beside the writing, at most one interval behind it, those of all recorders of a process at the same moments: the
 * file system then writes its journal once for all of them, and the index takes their rows together. Chunks are finished beside it too, one at a time.
 * A recorder that failed stays failed: a new one records a new epoch, and recovery finishes the chunk that was left open.
 */
export class Recorder implements Stage<ChunkPart, ChunkPart> {
  readonly #options: RecorderOptions;
  readonly #partMs: number;
  readonly #feed: IndexFeed;
  readonly #giveUp = new AbortController();
  #clock: Clock | undefined;
  #chunk: OpenChunk | undefined;
  #flush: Flush | undefined;
  #finishing: Promise<void> = Promise.resolve();
  #failure: PlatformError | undefined;
  #hasSynced = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#partMs = options.partMs ?? 200;
    this.#feed = new IndexFeed(options.index);
  }

  async open(ctx: StageContext): Promise<void> { this.#clock = ctx.clock; }

  /** @throws PlatformError RECORDING_FAILED when a file cannot be written; what the index failed with */
  async process(batch: readonly Envelope<ChunkPart>[], ctx: StageContext): Promise<readonly Envelope<ChunkPart>[]> {
    this.#throwFailure();
    for (let next = 0; next < batch.length;) {
      const first = batch[next]?.body;
      if (first === undefined) break;
      let end = next + 1;
      while (batch[end]?.body.chunkSeq === first.chunkSeq && batch[end]?.body.epoch === first.epoch) end += 1;
      await this.#write(first, batch.slice(next, end).flatMap(({ body }) => body.units), ctx.clock);
      if (batch[end - 1]?.body.isEpochEnd === true) await this.#endChunk();
      next = end;
    }
    return batch;
  }

  async close(): Promise<void> {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    await this.#finishing;
    if (chunk !== undefined) await this.#finish(chunk);
    const limit = this.#clock?.sleep(CLOSE_LIMIT_MS, this.#giveUp.signal).catch(() => undefined);
    await Promise.race([this.#feed.idle(), limit]);
    this.#giveUp.abort(new Error('the recorder is closed'));
  }

  async #write(part: ChunkPart, units: ChunkPart['units'], clock: Clock): Promise<void> {
    try {
      if (units.length > 0 && this.#chunk?.holds(part) !== true) await this.#nextChunk(part);
      await this.#chunk?.append(units);
    } catch (error) {
      throw this.#fail(error, part);
    }
    await this.#keepFlushed(clock);
    this.#throwFailure();
  }

  async #nextChunk(part: ChunkPart): Promise<void> {
    await this.#endChunk();
    this.#chunk = await OpenChunk.create(this.#options, part);
  }

  async #endChunk(): Promise<void> {
    const ended = this.#chunk;
    this.#chunk = undefined;
    if (ended === undefined) return;
    await this.#finishing;
    this.#finishing = this.#finish(ended);
  }

  /** Starts a flush when none is under way, and waits for one that has been syncing for longer than the interval. */
  async #keepFlushed(clock: Clock): Promise<void> {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    const flush = this.#flush;
    if (flush?.chunk !== chunk) this.#startFlush(chunk, clock);
    else if (flush.syncingSinceMs !== undefined && clock.monotonicMs() - flush.syncingSinceMs > this.#partMs) await flush.done;
  }

  #startFlush(chunk: OpenChunk, clock: Clock): void {
    const flush: Flush = { chunk, cancel: new AbortController(), syncingSinceMs: undefined, frameCount: 0, done: Promise.resolve() };
    this.#flush = flush;
    flush.done = this.#runFlush(flush, clock).catch((error: unknown) => { this.#failure ??= recordingFailed(error, chunk.path); }).then(() => {
      if (this.#flush !== flush) return;
      this.#flush = undefined;
      // What was written during the sync must not wait for a next unit that may never come.
      if (this.#chunk === chunk && chunk.row().frameCount > flush.frameCount && this.#failure === undefined) this.#startFlush(chunk, clock);
    });
  }

  async #runFlush(flush: Flush, clock: Clock): Promise<void> {
    const waitMs = this.#hasSynced ? this.#partMs - clock.monotonicMs() % this.#partMs : 0;
    const isDue = waitMs <= 0 || await clock.sleep(waitMs, flush.cancel.signal).then(() => true, () => false);
    if (!isDue || flush.cancel.signal.aborted) return;
    flush.syncingSinceMs = clock.monotonicMs();
    const row = flush.chunk.row();
    flush.frameCount = row.frameCount;
    await flush.chunk.sync();
    this.#hasSynced = true;
    await this.#feed.put(row, clock, this.#giveUp.signal);
  }

  /** Never rejects: a failure is thrown by the next `process`, and the chunk is left to recovery. */
  async #finish(chunk: OpenChunk): Promise<void> {
    const flush = this.#flush?.chunk === chunk ? this.#flush : undefined;
    flush?.cancel.abort();
    await flush?.done;
    if (this.#failure !== undefined) return chunk.abandon();
    try {
      const row = await chunk.finish();
      if (this.#clock !== undefined) await this.#feed.put(row, this.#clock, this.#giveUp.signal);
    } catch (error) {
      this.#failure ??= recordingFailed(error, chunk.path);
      await chunk.abandon();
    }
  }

  #fail(error: unknown, part: ChunkPart): PlatformError {
    this.#failure ??= recordingFailed(error, `${part.camera}/${part.epoch}-${part.chunkSeq}`);
    return this.#failure;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#feed.throwFailure();
  }
}

/** A sync of one chunk that waits for its time or is under way. */
interface Flush {
  readonly chunk: OpenChunk;
  readonly cancel: AbortController;
  syncingSinceMs: number | undefined;
  /** Frames that it syncs. */
  frameCount: number;
  done: Promise<void>;
}

function recordingFailed(error: unknown, path: string): PlatformError {
  if (error instanceof PlatformError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError('RECORDING_FAILED', `chunk ${path} could not be written: ${message}`, { path, code }, error);
}
