import type { Ending, Feeding, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import { deadLetter } from '../../src/data-ops/progress/dead-letter.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import { isCameraId, type CameraId } from '../../src/engine/units.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import { DROP_REASONS, type DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { DeadLetter } from '../../src/messages/dead-letter.ts';
import type { Fetched, GroupMember, KafkaNode, KafkaRecord, OutRecord, RecordCodec } from '../../src/transports/kafka-types.ts';
import type { Limiter } from '../../src/engine/limiter.ts';
import type { ChildFeed, FedPartition, Taking } from './child-feed.ts';
import { openCommitter, type Committer } from './committer.ts';
import { Publisher } from './publisher.ts';
import { HELD_PER_CAMERA_MAX, IN_FLIGHT_MAX, TRANSACTION_TIMEOUT_MS, WAITING_MAX, type HostSettings } from './host-settings.ts';
import type { HostTask, Progress } from './host-task.ts';
import { loadPositions } from './load-positions.ts';
import type { HostContext } from './host-context.ts';
import type { GopStart } from './kafka-gop.ts';

/** What a session of a partition works with. */
export interface SessionOptions<Part extends TrackedPart, Out extends Ending> {
  readonly task: HostTask<Part, Out>;
  readonly kafka: KafkaNode;
  readonly member: GroupMember;
  readonly settings: HostSettings;
  readonly codecs: { readonly positions: RecordCodec<CameraPosition>; readonly deadLetters: RecordCodec<DeadLetter> };
  readonly ctx: HostContext;
  readonly feed: ChildFeed<Part>;
  readonly commits: Limiter;
  /** A number greater than every earlier one. */
  readonly nextFeed: () => number;
  /** A record of the camera was read here. */
  readonly onCamera: (camera: CameraId) => void;
}

/** Who reads records that were written this recently is not behind. */
const CURRENT_MS = 5_000;
/** How long a registry gets between two tries to name a schema. */
const LEARN_EVERY_MS = 200;

/**
 * One ownership of an input partition: from fencing the owner before to the last commit. What it knows is what Kafka knows plus what is in
 * flight; after any commit whose outcome is not known it is thrown away, and a new session reads from Kafka what was committed.
 */
export class PartitionSession<Part extends TrackedPart, Out extends Ending> implements FedPartition {
  readonly partition: number;
  readonly #options: SessionOptions<Part, Out>;
  readonly #progress: Progress<Part, Out>;
  #letters: { readonly offset: number; readonly record: OutRecord }[] = [];
  #committer: Committer | undefined;
  #publisher: Publisher | undefined;
  /** One after the other; when one has failed, none follows. */
  #commits: Promise<void> = Promise.resolve();
  #signal: AbortSignal = AbortSignal.abort();
  #highWatermark = 0;
  #newestAtMs = 0;
  #nextOffset = 0;
  /** When a record of each camera was read last; of those that are not silent. */
  readonly #heardMs = new Map<CameraId, number>();

  constructor(partition: number, options: SessionOptions<Part, Out>) {
    this.partition = partition;
    this.#options = options;
    this.#progress = options.task.createProgress();
  }

  get hasRoom(): boolean {
    const { inFlight, waiting, cameras } = this.#progress;
    if (waiting > (this.#options.task.waitingMax ?? WAITING_MAX)) return false;
    return inFlight <= IN_FLIGHT_MAX || inFlight <= IN_FLIGHT_MAX + HELD_PER_CAMERA_MAX * [...cameras].length;
  }

  /** Frames that were read and have no record. */
  get inFlight(): number { return this.#progress.inFlight; }

  /** Records not processed, and the age of the oldest of them in seconds. */
  lag(endOffset: number): { readonly records: number; readonly seconds: number } {
    const { commitOffset, oldestAtMs } = this.#progress;
    const end = Math.max(endOffset, this.#highWatermark);
    const sinceMs = oldestAtMs ?? (end > commitOffset && this.#newestAtMs > 0 ? this.#newestAtMs : undefined);
    return { records: Math.max(0, end - commitOffset), seconds: sinceMs === undefined ? 0 : Math.max(0, this.#options.ctx.clock.now() / 1e6 - sinceMs / 1000) };
  }

  /**
   * Owns the partition until the signal aborts.
   * @throws PlatformError KAFKA_FENCED when another owner took it over; KAFKA_UNAVAILABLE when the outcome of a commit is not known
   */
  async run(signal: AbortSignal): Promise<void> {
    const { kafka, member, task, settings, feed, nextFeed, ctx } = this.#options;
    this.#signal = signal;
    signal.addEventListener('abort', () => { // also while a commit is under way
      feed.remove(this);
      feed.between(() => {
        this.#flush([...this.#progress.cameras], true); // decoders of cameras that went to another node are closed
        for (const camera of this.#progress.cameras) feed.leave(camera);
      });
    }, { once: true });
    const committer = await openCommitter({
      kafka, member, delivery: settings.delivery, group: task.group, topic: task.topic, partition: this.partition, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    });
    try {
      const { positionsTopic: topic } = settings;
      const positions = await loadPositions({ kafka, topic, partition: this.partition, group: task.group, decode: value => this.#options.codecs.positions.decode(value), signal });
      const bounds = (await kafka.bounds(task.topic)).get(this.partition) ?? { begin: 0, end: 0 };
      const committedOffset = (await kafka.committed(task.group, task.topic)).get(this.partition) ?? bounds.begin;
      signal.throwIfAborted();
      feed.add(this, () => this.#progress.start({ positions, committedOffset, endOffset: bounds.end, feed: nextFeed() }));
      for (const { camera } of positions) this.#options.onCamera(camera);
      this.#committer = committer;
      if (committer.publish) this.#publisher = this.#publishWith(committer.publish);
      for (let dueMs = ctx.clock.monotonicMs() + settings.commitIntervalMs; ;) {
        await ctx.clock.sleep(Math.max(0, dueMs - ctx.clock.monotonicMs()), signal);
        dueMs = ctx.clock.monotonicMs() + settings.commitIntervalMs; // a commit that takes long does not put off the next one
        await this.commit();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#committer = undefined;
      this.#publisher = undefined;
      feed.remove(this);
      await committer.close().catch(() => { /* what it was needed for is over */ });
    }
  }

  rewind(): number {
    return this.#progress.rewind([...this.#progress.cameras], this.#options.nextFeed());
  }

  async take(record: KafkaRecord, isGuilty: boolean): Promise<Taking> {
    const { feed, onCamera, nextFeed, ctx } = this.#options;
    this.#newestAtMs = record.timestampMs;
    this.#nextOffset = record.offset + 1;
    const part = await this.#decode(record);
    if (this.#signal.aborted) return {};
    if (!part) { this.#progress.passed(record.offset + 1); return {}; }
    if (this.#progress.mustStartOver?.(part)) return { again: this.#progress.rewind([part.camera], nextFeed()) };
    try {
      onCamera(part.camera);
      this.#heardMs.set(part.camera, ctx.clock.monotonicMs());
      const feedings = this.#progress.accept({ offset: record.offset, timestampMs: record.timestampMs, part });
      const toFeed = isGuilty ? this.#leaveOut(record, feedings) : feedings;
      if (toFeed.length > 0) return { done: Promise.all(toFeed.map(feeding => feed.feed(feeding))) };
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'RECORD_INVALID') throw error;
      this.#giveUp(record, error, 1);
      this.#progress.passed(record.offset + 1);
    }
    return {};
  }

  /** Where in the partition a decoder has to start for the frame of the camera that is fed next, and the end of what was fed. */
  gopStart(camera: CameraId, epoch: number): GopStart | undefined {
    const start = this.#progress.gopStart?.(camera, epoch);
    return start && { ...start, partition: this.partition, end: () => this.#nextOffset };
  }

  /** Ends the frames of a record that kills vision processes, and returns what does no harm. */
  #leaveOut(record: KafkaRecord, feedings: readonly Feeding<Part>[]): readonly Feeding<Part>[] {
    const { settings } = this.#options;
    let isNews = false;
    for (const { part, first, end, isAccounted } of feedings) {
      if (first < end) this.#progress.lose?.(part.camera);
      if (isAccounted) continue;
      for (const { frameSeq, capturedAt } of part.units.slice(first, end)) {
        const { isIntentional } = DROP_REASONS.undecodable;
        this.#progress.ended({ kind: 'dropped', camera: part.camera, epoch: part.epoch, from: frameSeq, to: frameSeq, reason: 'undecodable', isIntentional, capturedAt });
        isNews = true;
      }
    }
    const tries = settings.deadLetterTries;
    if (isNews) this.#giveUp(record, new PlatformError('PROCESS_EXITED', `${tries} vision processes ended while they worked on it`), tries, true);
    return feedings.filter(({ first, end, isEnd }) => isEnd && first === end);
  }

  /** Has decoders give up what they hold of cameras that sent nothing since `sinceMs`, where everything was read up to now. */
  flushSilent(sinceMs: number, endOffset: number): void {
    const { feed, ctx } = this.#options;
    const isCurrent = this.#nextOffset >= endOffset || ctx.clock.now() / 1000 - this.#newestAtMs < CURRENT_MS;
    if (!isCurrent || this.#progress.inFlight === 0) return;
    const silent = [...this.#heardMs].filter(([, heardMs]) => heardMs < sinceMs).map(([camera]) => camera);
    for (const camera of silent) this.#heardMs.delete(camera);
    if (silent.length > 0) feed.between(() => this.#flush(silent, false));
  }

  #flush(cameras: readonly CameraId[], isLeaving: boolean): void {
    for (const camera of cameras) {
      for (const feeding of this.#progress.flush?.(camera, isLeaving) ?? []) this.#options.feed.feed(feeding).catch(() => { /* lost with its process */ });
    }
  }

  passed({ nextOffset, highWatermark }: Fetched): void {
    this.#highWatermark = highWatermark;
    this.#nextOffset = nextOffset;
    this.#progress.passed(nextOffset);
  }

  ended(out: Out): void {
    this.#progress.ended(out);
    this.#publisher?.wake();
  }

  #publishWith(write: NonNullable<Committer['publish']>): Publisher {
    const { task, ctx } = this.#options;
    return new Publisher({
      clock: ctx.clock, write, take: () => (this.#committer ? this.#encoded(this.#progress.takeRecords()) : []),
      onWritten: records => ctx.telemetry.count('recordsCommitted', { group: task.group }, records),
    });
  }

  #encoded(outs: readonly (Out | DroppedRecord)[]): readonly OutRecord[] {
    const { task } = this.#options;
    return outs.flatMap(out => [...task.beside?.(out, this.partition) ?? [], task.encode(out, this.partition)]);
  }

  /** Commits what there is, after what is being committed. */
  commit(): Promise<void> {
    const { commits } = this.#options;
    this.#commits = this.#commits.then(() => commits.run(() => this.#commit()));
    return this.#commits;
  }

  async #commit(): Promise<void> {
    const { task, settings, ctx, codecs, feed } = this.#options;
    const committer = this.#committer;
    if (!committer) return;
    const earlier = this.#publisher?.written;
    const taken = this.#progress.take();
    feed.poke(); // there is room again for what comes during the transaction
    const repeats = this.#progress.takeRepeats();
    if (repeats > 0) ctx.telemetry.count('framesRepeated', { group: task.group }, repeats);
    await earlier; // the offset must not pass records that are under way
    if (!taken) return;
    const records = this.#encoded(taken.records);
    const positions = taken.positions.map(position => ({
      topic: settings.positionsTopic, partition: this.partition, key: `${task.group}/${position.camera}`,
      value: codecs.positions.encode(position), headers: codecs.positions.headers(position, position.camera),
    }));
    const letters = this.#letters.filter(({ offset }) => offset < taken.commitOffset);
    this.#letters = this.#letters.filter(({ offset }) => offset >= taken.commitOffset);
    await committer.commit({ records: [...records, ...letters.map(({ record }) => record)], positions, offset: taken.commitOffset });
    ctx.telemetry.count('transactions', { group: task.group });
    ctx.telemetry.count('recordsCommitted', { group: task.group }, records.length);
    if (letters.length > 0) ctx.telemetry.count('deadLetters', { group: task.group }, letters.length);
  }

  /** Tries to decode a record, as often as settings say; one that cannot be is given up. */
  async #decode(record: KafkaRecord): Promise<Part | undefined> {
    const { task, settings, ctx } = this.#options;
    for (let tries = 1; !this.#signal.aborted;) {
      try {
        return task.decode(record);
      } catch (error) {
        const isUnknown = error instanceof PlatformError && error.code === 'SCHEMA_UNKNOWN';
        if (tries >= settings.deadLetterTries) { this.#giveUp(record, error, tries); return undefined; }
        const answer = isUnknown && task.learn ? await task.learn(record).catch((reason: unknown) => reason) : undefined;
        // A registry that does not answer says nothing about the record: it is waited for.
        if (!(answer instanceof PlatformError) || answer.fate !== 'retry') tries += 1;
        if (answer !== undefined && answer !== true) await ctx.clock.sleep(LEARN_EVERY_MS, this.#signal).catch(() => {});
      }
    }
    return undefined;
  }

  /** `isWithFrames`: its letter goes with the records of its frames; else with the offset that passes it. */
  #giveUp(record: KafkaRecord, error: unknown, tries: number, isWithFrames = false): void {
    const { task, settings, ctx, codecs } = this.#options;
    const letter = deadLetter(record, { group: task.group, error, tries, at: ctx.clock.now() });
    const { code, message } = reportError(error);
    ctx.log.error({ topic: record.topic, partition: record.partition, offset: record.offset, code, reason: message }, 'record given up: it is among the dead letters');
    const about = isCameraId(record.key ?? '') ? record.key as CameraId : 'unknown' as CameraId;
    this.#letters.push({
      offset: isWithFrames ? -1 : record.offset,
      record: { topic: settings.deadLettersTopic, partition: this.partition, key: record.key, value: codecs.deadLetters.encode(letter), headers: codecs.deadLetters.headers(letter, about) },
    });
  }
}
