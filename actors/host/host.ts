import type { Ending, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import type { InPort } from '../../src/engine/ports.ts';
import { deferred, every, untilAborted, withTimeout } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { GroupMember } from '../../src/transports/kafka-types.ts';
import { ChildFeed } from './child-feed.ts';
import type { GopStart } from './kafka-gop.ts';
import { COMMITS_MAX, RETRY_MS } from './host-settings.ts';
import { Limiter } from '../../src/engine/limiter.ts';
import { PartitionSession, type SessionOptions } from './partition-session.ts';

/** What a host is made of. */
export type HostOptions<Part extends TrackedPart, Out extends Ending> = Pick<SessionOptions<Part, Out>, 'task' | 'kafka' | 'settings' | 'codecs' | 'ctx'>;

interface Owned<Part extends TrackedPart, Out extends Ending> {
  readonly end: AbortController;
  readonly feed: ChildFeed<Part>;
  session: PartitionSession<Part, Out> | undefined;
  /** Resolves when nothing of it is under way any more. */
  ended: Promise<void>;
}

const LAG_EVERY_MS = 2_000;
const ENDINGS_MAX = 512;
/** When the vision processes have said nothing for so long, what is left is held by decoders that wait for more. */
const QUIET_MS = 100;
/** A node that wakes up hears within this time that the group went on without it. */
const FENCED_WAIT_MS = 3_000;
const DRAIN_STEP_MS = 10;

/**
 * Takes part in a consumer group, feeds the vision processes below it with the partitions it is assigned, and commits what they answer.
 * Lives on while they come and go, so that their crashes and swaps never reach the group.
 */
export class Host<Part extends TrackedPart, Out extends Ending> {
  readonly #options: HostOptions<Part, Out>;
  readonly #feeds: readonly ChildFeed<Part>[];
  readonly #commits = new Limiter(COMMITS_MAX);
  readonly #owned = new Map<number, Owned<Part, Out>>();
  readonly #partitionOf = new Map<CameraId, number>();
  readonly #failed = deferred<never>();
  /** Those that were lost and still end; an own partition that comes back waits for them. */
  readonly #ending = new Map<number, Promise<void>>();
  #assigned = deferred<void>();
  #wanted: readonly number[] = [];
  #member: GroupMember | undefined;
  #lastFeed = 0;
  #lastEndingMs = 0;
  /** Since when, and until when, the brokers are known to be there. */
  #listeningSinceMs = 0;
  #listeningMs = 0;
  #isStopping = false;

  constructor(options: HostOptions<Part, Out>) {
    this.#options = options;
    const { kafka, task, ctx, settings } = options;
    this.#feeds = task.children.map(link => new ChildFeed({
      link, reader: kafka.reader(task.topic, { isolation: task.isolation, maxBytes: task.fetchBytes }), tries: settings.deadLetterTries,
      onRewind: partitions => ctx.telemetry.count('partitionRewinds', { group: task.group }, partitions),
    }));
    this.#failed.promise.catch(() => { /* `run` tells it */ });
  }

  /** Partitions it owns, for the report of the process. */
  get partitions(): readonly number[] { return [...this.#owned.keys()].sort((a, b) => a - b); }
  /** Frames that were read and have no record. */
  get inFlight(): number { return [...this.#owned.values()].reduce((sum, { session }) => sum + (session?.inFlight ?? 0), 0); }

  /** Where a decoder has to start for the frame of the camera that is fed next; undefined where that is not known. */
  gopStart(camera: CameraId, epoch: number): GopStart | undefined {
    return this.#owned.get(this.#partitionOf.get(camera) ?? -1)?.session?.gopStart(camera, epoch);
  }

  /** Works until the signal aborts, and then ends in order: what the vision processes have is answered and committed before the group is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { ctx, task } = this.#options;
    const feeding = new AbortController();
    const running = new AbortController();
    const work = [...this.#feeds.map(feed => feed.run(feeding.signal)), ...task.endings.map(port => this.#note(port, running.signal))];
    for (const each of work) each.catch((error: unknown) => this.#failed.reject(error));
    void every(LAG_EVERY_MS, ctx.clock, running.signal, () => this.#gauge()).catch(() => { /* the connection is closing */ });
    try {
      const joined = this.#join(signal);
      joined.catch((error: unknown) => this.#failed.reject(error));
      await Promise.race([untilAborted(signal), this.#failed.promise]);
      this.#isStopping = true;
      feeding.abort();
      await joined;
      await this.#drain();
      const late = (error: unknown): void => this.#say(error, 'last commit failed: the next owner does it over');
      await Promise.all([...this.#owned.values()].flatMap(({ session }) => session?.commit().catch(late) ?? []));
    } finally {
      this.#isStopping = true;
      feeding.abort();
      for (const partition of this.#owned.keys()) this.#lose(partition);
      await Promise.all(this.#ending.values());
      running.abort();
      await this.#leave();
      await Promise.allSettled(work);
    }
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { kafka, task, settings, ctx } = this.#options;
    for (let waitMs: number = RETRY_MS.first; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MS.most)) {
      try {
        this.#member = await kafka.join({
          group: task.group, topics: [task.topic], sessionTimeoutMs: settings.sessionTimeoutMs,
          onAssigned: ({ partitions }) => { this.#wanted = partitions.get(task.topic) ?? []; this.#assign(); },
        });
        this.#assign();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof PlatformError) || error.fate !== 'retry') throw error;
        this.#say(error, 'cannot join the group; trying again');
        await ctx.clock.sleep(waitMs, signal).catch(() => {});
      }
    }
  }

  /** Follows the assignment: what is new begins, what is kept goes on untouched, what is gone ends. */
  #assign(): void {
    if (!this.#member || this.#isStopping) return;
    const wanted = new Set(this.#wanted);
    for (const partition of this.#owned.keys()) if (!wanted.has(partition)) this.#lose(partition);
    for (const partition of wanted) if (!this.#owned.has(partition)) this.#own(partition, this.#member);
    this.#assigned.resolve();
    this.#assigned = deferred();
  }

  #own(partition: number, member: GroupMember): void {
    const feed = this.#feeds.reduce((least, each) => (each.load < least.load ? each : least));
    feed.load += 1;
    const owned: Owned<Part, Out> = { end: new AbortController(), feed, session: undefined, ended: Promise.resolve() };
    this.#owned.set(partition, owned);
    const before = this.#ending.get(partition) ?? Promise.resolve();
    owned.ended = before.then(() => this.#keep(partition, owned, member)).catch((error: unknown) => this.#failed.reject(error)).finally(() => { feed.load -= 1; });
  }

  #lose(partition: number): void {
    const owned = this.#owned.get(partition);
    if (!owned) return;
    this.#owned.delete(partition);
    owned.end.abort();
    const { group } = this.#options.task;
    this.#options.ctx.telemetry.set('lagRecords', { group, partition: String(partition) }, 0);
    this.#options.ctx.telemetry.set('lagSeconds', { group, partition: String(partition) }, 0);
    const ended = owned.ended.then(() => { if (this.#ending.get(partition) === ended) this.#ending.delete(partition); });
    this.#ending.set(partition, ended);
  }

  /** One session after the other, as long as the partition is ours. */
  async #keep(partition: number, owned: Owned<Part, Out>, member: GroupMember): Promise<void> {
    const { signal } = owned.end;
    const { ctx, task, settings } = this.#options;
    for (let waitMs: number = RETRY_MS.first; !signal.aborted;) {
      const session = new PartitionSession<Part, Out>(partition, {
        ...this.#options, member, feed: owned.feed, commits: this.#commits, nextFeed: () => this.#nextFeed(), onCamera: camera => this.#partitionOf.set(camera, partition),
      });
      owned.session = session;
      const sinceMs = ctx.clock.monotonicMs();
      try {
        await session.run(signal);
      } catch (error) {
        if (error instanceof PlatformError && error.fate === 'stop') throw error;
        this.#say(error, 'partition starts over', partition);
        if (error instanceof PlatformError && error.code === 'KAFKA_FENCED') {
          ctx.telemetry.count('partitionsFenced', { group: task.group });
          // Whoever fenced us owns it, unless the group says otherwise: starting over at once would fence them in turn.
          await Promise.race([this.#assigned.promise, ctx.clock.sleep(Math.min(settings.sessionTimeoutMs, FENCED_WAIT_MS), signal).catch(() => {})]);
          continue;
        }
        if (ctx.clock.monotonicMs() - sinceMs > RETRY_MS.most) waitMs = RETRY_MS.first;
        await ctx.clock.sleep(waitMs, signal).catch(() => {});
        waitMs = Math.min(2 * waitMs, RETRY_MS.most);
      }
    }
  }

  /** Notes what vision processes answer. They need not wait for its commit: what a host forgets is fed again. */
  async #note(port: InPort<Out>, signal: AbortSignal): Promise<void> {
    const { ctx, task } = this.#options;
    while (!signal.aborted) {
      const delivery = await port.pull(ENDINGS_MAX, signal).catch((error: unknown) => { if (signal.aborted) return undefined; throw error; });
      if (!delivery) return;
      this.#lastEndingMs = ctx.clock.monotonicMs();
      for (const { body } of delivery.items) {
        const partition = this.#partitionOf.get(body.camera);
        const session = partition === undefined ? undefined : this.#owned.get(partition)?.session;
        if (session) session.ended(body);
        else ctx.telemetry.count('framesRepeated', { group: task.group }); // the partition went to another node meanwhile
      }
      await delivery.ack();
    }
  }

  async #drain(): Promise<void> {
    const { ctx, settings, task } = this.#options;
    const { clock } = ctx;
    const untilMs = clock.monotonicMs() + settings.drainMs;
    this.#lastEndingMs = clock.monotonicMs();
    const isDone = (): boolean => this.inFlight === 0 || (task.children.every(link => link.depth().items === 0) && clock.monotonicMs() - this.#lastEndingMs >= QUIET_MS);
    while (clock.monotonicMs() < untilMs && !isDone()) await clock.sleep(DRAIN_STEP_MS);
  }

  async #leave(): Promise<void> {
    const { ctx, settings } = this.#options;
    const left = this.#member?.close() ?? Promise.resolve();
    const late = new PlatformError('TIMED_OUT', 'the group did not answer when it was left');
    await withTimeout(left, settings.drainMs, ctx.clock, late).catch((error: unknown) => this.#say(error, 'left the group without an answer'));
  }

  async #gauge(): Promise<void> {
    const { kafka, task, ctx, settings } = this.#options;
    if (this.#owned.size === 0) return;
    const startMs = ctx.clock.monotonicMs();
    const bounds = await kafka.bounds(task.topic);
    // While the brokers were away, or this process stood still, no camera could be heard.
    if (startMs - this.#listeningMs > 3 * LAG_EVERY_MS || ctx.clock.monotonicMs() - startMs > LAG_EVERY_MS) this.#listeningSinceMs = ctx.clock.monotonicMs();
    this.#listeningMs = ctx.clock.monotonicMs();
    for (const [partition, { session }] of this.#owned) {
      if (!session) continue;
      const end = bounds.get(partition)?.end ?? 0;
      const { records, seconds } = session.lag(end);
      if (this.#listeningMs - this.#listeningSinceMs > settings.silentMs) session.flushSilent(this.#listeningMs - settings.silentMs, end);
      ctx.telemetry.set('lagRecords', { group: task.group, partition: String(partition) }, records);
      ctx.telemetry.set('lagSeconds', { group: task.group, partition: String(partition) }, seconds);
    }
  }

  /** Grows over restarts of this process too, as the vision processes may be older than it. */
  #nextFeed(): number {
    this.#lastFeed = Math.max(this.#lastFeed + 1, this.#options.ctx.clock.now());
    return this.#lastFeed;
  }

  #say(error: unknown, sentence: string, partition?: number): void {
    const { code, message } = reportError(error);
    const { topic } = this.#options.task;
    this.#options.ctx.log.warn({ topic, ...(partition === undefined ? {} : { partition }), code, reason: message }, sentence);
  }
}
