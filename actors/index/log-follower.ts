import type { Actor, ActorContext } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import type { CommitLog } from '../../src/data-ops/commit-log.ts';
import { decodeRecord, isSchemaUnknown } from '../../src/data-ops/decode-record.ts';
import type { LogBatch, LogOffset, Store } from '../../src/data-ops/store.ts';
import { untilThere } from '../../src/data-ops/until-there.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { Fetched, KafkaNode, KafkaRecord, RecordCodec } from '../../src/transports/kafka-types.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { LogProgress, type Bounds } from './log-progress.ts';

/** What is being gathered for one transaction. */
export interface IndexBatch extends LogBatch { readonly records: TerminalRecord[]; readonly events: PlatformEvent[]; readonly features: FeatureTensor[]; readonly offsets: LogOffset[] }

/** What a follower needs. */
export interface LogFollowerOptions<Body> {
  /** Name of the actor, and label `stage` of its metrics. */
  readonly name: string;
  readonly node: KafkaNode;
  readonly topic: string;
  readonly codec: Pick<RecordCodec<Body>, 'decode' | 'learn'>;
  /** Puts a body where it belongs. @throws PlatformError RECORD_INVALID when it can belong nowhere */
  readonly sort: (body: Body, batch: IndexBatch) => void;
  /** Room for features, where it reads them. */
  readonly featuresMaxBytes?: number;
  readonly store: Pick<Store, 'appendFrom' | 'logOffsets'>;
  readonly commits: Pick<CommitLog, 'push'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Recorder, 'batch' | 'dropped'>;
}

/** What one fetch may bring: it bounds the memory of a catch-up. */
const FETCH_BYTES = 8 << 20;
/** Records of one transaction: more stall the process, which also answers queries, for longer than a frame lasts. */
const BATCH_MAX = 2_048;
/** A transaction that was not full is followed by the next one this much later: under a trickle it bounds the number of fsyncs. */
const GATHER_MS = 10;
const RETRY_MS = 500;
const REFUSED_RETRY_MS = 10_000;
const SAY_EVERY_MS = 1_000;

/**
 * Reads one topic, at read_committed and from where the store's own offsets end, into the store. Offsets and what they speak of are one
 * transaction there, so that whatever is killed when, nothing is kept twice and nothing is left out.
 */
export class LogFollower<Body> implements Actor {
  readonly name: string;
  readonly #options: LogFollowerOptions<Body>;
  #progress: LogProgress;
  #leftOut = 0;
  #saidAtMs: number | undefined;

  constructor(options: LogFollowerOptions<Body>) {
    this.name = options.name;
    this.#options = options;
    this.#progress = new LogProgress(options.topic);
  }

  /** How far it is. */
  get progress(): LogProgress { return this.#progress; }

  /** Ends with its signal. What the brokers forbid is tried again: somebody may allow it while this node serves what it has. */
  async run(ctx: ActorContext): Promise<void> {
    for (;;) {
      try {
        await this.#follow(ctx);
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'KAFKA_REFUSED') throw error;
        ctx.status(error.message);
        this.#options.log.error({ topic: this.#options.topic, error: reportError(error) }, 'the topic may not be read');
        await this.#options.clock.sleep(REFUSED_RETRY_MS, ctx.signal);
      }
    }
  }

  async #follow(ctx: ActorContext): Promise<never> {
    const { node, topic, clock } = this.#options;
    ctx.status('waiting for the brokers');
    const bounds = await untilThere(this.#options, ctx);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: FETCH_BYTES });
    try {
      for (const [partition, from] of this.#begin(bounds)) reader.seek(partition, from);
      for (;;) {
        ctx.status(this.#progress.isCaughtUp ? 'following' : `catching up, ${this.#progress.behind} records to go`);
        const startedMs = clock.monotonicMs();
        const isFull = await this.#take(await reader.read(ctx.signal), ctx.signal);
        const restMs = GATHER_MS - (clock.monotonicMs() - startedMs);
        if (!isFull && restMs > 0) await clock.sleep(restMs, ctx.signal);
      }
    } finally {
      await reader.close();
    }
  }

  /** Where each partition is read from. */
  #begin(bounds: ReadonlyMap<number, Bounds>): ReadonlyMap<number, number | 'earliest'> {
    const { store, topic } = this.#options;
    const known = new Map(store.logOffsets().filter(each => each.topic === topic).map(({ partition, offset }) => [partition, offset]));
    this.#progress = new LogProgress(topic);
    return new Map([...bounds].map(([partition, { begin, end }]) => {
      const last = known.get(partition);
      const kept = last !== undefined && last > end ? undefined : last; // beyond the end: the topic was deleted and made anew
      this.#progress.begin(partition, Math.max(kept ?? begin, begin), { begin, end });
      return [partition, kept ?? 'earliest'];
    }));
  }

  /** Stores what was fetched; true when a transaction was full, so that there is probably more. */
  async #take(fetched: readonly Fetched[], signal: AbortSignal): Promise<boolean> {
    const { topic } = this.#options;
    let batch = emptyBatch();
    let isFull = false;
    for (const part of fetched) {
      for (const record of part.records) {
        if (!this.#sort(record, batch)) await this.#sortUnknown(record, batch, signal);
        if (sizeOf(batch) < BATCH_MAX) continue;
        isFull = true;
        this.#commit({ ...batch, offsets: [...batch.offsets, { topic, partition: part.partition, offset: record.offset + 1 }] });
        batch = emptyBatch();
        await new Promise(resolve => { setImmediate(resolve); }); // queries and streams in between
        signal.throwIfAborted();
      }
      batch.offsets.push({ topic, partition: part.partition, offset: part.nextOffset });
    }
    this.#commit(batch);
    for (const part of fetched) this.#progress.read(part);
    return isFull;
  }

  #commit(batch: LogBatch): void {
    const { store, commits, telemetry, clock, name, featuresMaxBytes } = this.#options;
    if (batch.offsets.length === 0) return;
    const startedMs = clock.monotonicMs();
    const { committed, repeated } = store.appendFrom(featuresMaxBytes === undefined ? batch : { ...batch, featuresMaxBytes });
    commits.push(committed);
    telemetry.batch(name, { in: sizeOf(batch), out: committed.length + sizeOf(batch) - batch.records.length, seconds: (clock.monotonicMs() - startedMs) / 1000, blockedSeconds: 0 });
    if (repeated > 0) telemetry.dropped(name, 'repeated', repeated, true);
  }

  /** False when the schema must be asked for first. */
  #sort(record: KafkaRecord, batch: IndexBatch): boolean {
    try {
      if (record.value === null) throw new PlatformError('RECORD_INVALID', 'a tombstone in a topic that is not compacted');
      this.#options.sort(this.#options.codec.decode(record.value), batch);
    } catch (error) {
      if (record.value !== null && this.#options.codec.learn !== undefined && isSchemaUnknown(error)) return false;
      this.#leaveOut(record, error);
    }
    return true;
  }

  /** As above, of a schema that was never met: waits for the registry, since what is left out now stays out. */
  async #sortUnknown(record: KafkaRecord, batch: IndexBatch, signal: AbortSignal): Promise<void> {
    const { codec, sort, clock } = this.#options;
    for (;;) {
      try {
        sort(await decodeRecord(codec, record.value ?? Buffer.alloc(0)), batch);
        return;
      } catch (error) {
        if (!isUnavailable(error)) {
          this.#leaveOut(record, error);
          return;
        }
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  /** A record that says nothing we know is counted and left behind: it stays on Kafka, and a new index would read it again. Told once a second at most. */
  #leaveOut({ topic, partition, offset }: KafkaRecord, error: unknown): void {
    const { telemetry, clock, log } = this.#options;
    telemetry.dropped(this.name, 'invalid', 1, false);
    this.#leftOut += 1;
    const nowMs = clock.monotonicMs();
    if (this.#saidAtMs !== undefined && nowMs - this.#saidAtMs < SAY_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    log.warn({ topic, partition, offset, records: this.#leftOut, error: reportError(error) }, 'records left out of the index');
    this.#leftOut = 0;
  }
}

function sizeOf({ records, events, features = [] }: LogBatch): number { return records.length + events.length + features.length; }

function emptyBatch(): IndexBatch { return { records: [], events: [], features: [], offsets: [] }; }

function isUnavailable(error: unknown): boolean { return error instanceof PlatformError && (error.code === 'KAFKA_UNAVAILABLE' || error.code === 'REGISTRY_UNAVAILABLE'); }
