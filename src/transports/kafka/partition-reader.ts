import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import { PlatformError } from '../../engine/errors.ts';
import { deferred, type Deferred } from '../../engine/timers.ts';
import type { Fetched, Isolation, PartitionReader } from '../kafka-types.ts';
import { fetchedPartitions, fetchRequest, type FetchedPartition } from './fetch-request.ts';
import { BrokerError, type KafkaLink } from './kafkajs-internals.ts';
import { listOffsets } from './list-offsets.ts';
import { lastingFailure, patiently, reasonOf, type KafkaDeps } from './patience.ts';
import { readBatches } from './read-batches.ts';

/** How long a broker holds a fetch that finds nothing: a partition that is sought meanwhile waits as long. */
const MAX_WAIT_MS = 200;
/** A leader that failed is looked up again after a while, longer each time. */
const LOST_PAUSE_MS = 50;
const LOST_PAUSE_MAX_MS = 1000;
const OFFSET_OUT_OF_RANGE = 1;

/** How a topic is read. */
export interface ReaderOptions { readonly topic: string; readonly isolation: Isolation; readonly maxBytes: number }

/** A partition that is read. */
interface Place { next: number | 'earliest' | 'latest'; leader: number }

/** Reads partitions by one fetch loop for each broker that leads some: at most one fetch of each is held unread. */
export class FetchingReader implements PartitionReader {
  readonly #link: KafkaLink;
  readonly #deps: KafkaDeps;
  readonly #options: ReaderOptions;
  readonly #aborts = new AbortGroup();
  readonly #ended = new AbortController();
  /** A partition that is sought again gets a new place: what was fetched for the old one is left out. */
  readonly #places = new Map<number, Place>();
  readonly #loops = new Map<number, Promise<void>>();
  /** What was fetched and not read, by broker. */
  readonly #held = new Map<number, { readonly of: readonly { readonly place: Place; readonly fetched: Fetched }[]; readonly isTaken: Deferred<void> }>();
  #waiting: Wait<void>[] = [];
  #placing: Promise<void> | undefined;
  #lastTurn = 0;
  /** In a row, of any broker. */
  #failures = 0;

  constructor(link: KafkaLink, deps: KafkaDeps, options: ReaderOptions) {
    this.#link = link;
    this.#deps = deps;
    this.#options = options;
  }

  seek(partition: number, from: number | 'earliest' | 'latest'): void {
    const leader = this.#link.leaders(this.#options.topic)?.[partition] ?? -1;
    this.#places.set(partition, { next: from, leader });
    if (leader < 0) this.#place(); else this.#start(leader);
  }

  drop(partition: number): void {
    this.#places.delete(partition);
  }

  async read(signal: AbortSignal): Promise<readonly Fetched[]> {
    for (;;) {
      signal.throwIfAborted();
      this.#ended.signal.throwIfAborted();
      const fetched = this.#take();
      if (fetched.length > 0) return fetched;
      const wait = new Wait<void>(this.#aborts, signal, gone => { this.#waiting = this.#waiting.filter(each => each !== gone); });
      this.#waiting.push(wait);
      await wait.promise;
    }
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new PlatformError('PORT_CLOSED', `the reader of '${this.#options.topic}' is closed`));
    this.#link.close();
    for (const { isTaken } of this.#held.values()) isTaken.resolve();
    this.#wake();
    await Promise.all([...this.#loops.values(), this.#placing]);
  }

  #take(): Fetched[] {
    const taken = [...this.#held.values()].flatMap(({ of }) => of.filter(({ place, fetched }) => this.#places.get(fetched.partition) === place));
    for (const { isTaken } of this.#held.values()) isTaken.resolve();
    this.#held.clear();
    return taken.map(({ fetched }) => fetched);
  }

  #wake(): void {
    for (const wait of this.#waiting.splice(0)) wait.resolve();
  }

  /** Finds leaders of the partitions that have none, until all have one. */
  #place(pauseMs = 0): void {
    this.#placing ??= this.#deps.clock.sleep(pauseMs, this.#ended.signal).then(() => patiently(async () => {
      await this.#link.refresh([this.#options.topic]);
      const leaders = this.#link.leaders(this.#options.topic);
      for (const [partition, place] of this.#places) {
        if (place.leader >= 0) continue;
        place.leader = leaders?.[partition] ?? -1;
        if (place.leader >= 0) this.#start(place.leader);
      }
      if ([...this.#places.values()].some(({ leader }) => leader < 0)) throw new BrokerError(5, `a partition of '${this.#options.topic}' has no leader`);
    }, this.#deps, { signal: this.#ended.signal })).catch(error => {
      if (!this.#ended.signal.aborted) this.#end(error);
    }).finally(() => {
      this.#placing = undefined;
      if (!this.#ended.signal.aborted && [...this.#places.values()].some(({ leader }) => leader < 0)) this.#place();
    });
  }

  /** What can never be read ends the reader: its next `read` throws it. */
  #end(error: unknown): void {
    this.#ended.abort(error);
    this.#link.close();
    for (const { isTaken } of this.#held.values()) isTaken.resolve();
    this.#wake();
  }

  #start(leader: number): void {
    if (this.#loops.has(leader) || this.#ended.signal.aborted) return;
    this.#loops.set(leader, this.#fetchFrom(leader).finally(() => {
      this.#loops.delete(leader);
      if ([...this.#places.values()].some(place => place.leader === leader)) this.#start(leader);
    }));
  }

  async #fetchFrom(leader: number): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const places = new Map([...this.#places].filter(([, place]) => place.leader === leader));
      if (places.size === 0) return;
      try {
        await this.#resolve(leader, places);
        await this.#fetch(leader, places);
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const lasting = lastingFailure(error);
        if (lasting !== undefined) { this.#end(lasting); return; }
        if (this.#failures === 0) this.#deps.log.info({ topic: this.#options.topic, broker: leader, reason: reasonOf(error) }, 'fetch failed: tried again until it succeeds');
        this.#lose(places.values());
        return;
      }
    }
  }

  #lose(places: Iterable<Place>): void {
    for (const place of places) place.leader = -1;
    this.#place(Math.min(LOST_PAUSE_MAX_MS, LOST_PAUSE_MS * 2 ** this.#failures));
    this.#failures += 1;
  }

  /** Turns `earliest` and `latest` into offsets. */
  async #resolve(leader: number, places: ReadonlyMap<number, Place>): Promise<void> {
    for (const edge of ['earliest', 'latest'] as const) {
      const wanted = [...places].filter(([, place]) => place.next === edge);
      if (wanted.length === 0) continue;
      const offsets = await listOffsets(await this.#link.broker(leader), { topic: this.#options.topic, partitions: wanted.map(([partition]) => partition), edge, isolation: this.#options.isolation });
      for (const [partition, place] of wanted) {
        const offset = offsets.get(partition);
        if (offset === undefined) throw new BrokerError(6, `broker ${leader} does not lead ${this.#options.topic}/${partition}`);
        if (place.next === edge) place.next = offset;
      }
    }
  }

  async #fetch(leader: number, places: ReadonlyMap<number, Place>): Promise<void> {
    const { topic, isolation, maxBytes } = this.#options;
    const order = [...places].flatMap(([partition, { next }]) => (typeof next === 'number' ? [{ partition, offset: next }] : []));
    this.#lastTurn = (this.#lastTurn + 1) % Math.max(1, order.length); // none is always served first
    const partitions = [...order.slice(this.#lastTurn), ...order.slice(0, this.#lastTurn)];
    const broker = await this.#link.broker(leader);
    const answer = fetchedPartitions(await broker.askRaw(fetchRequest({ topic, partitions, isolation, maxBytes, maxWaitMs: MAX_WAIT_MS })));
    if (answer.errorCode !== 0) throw new BrokerError(answer.errorCode, `fetch from broker ${leader}`);
    const of: { place: Place; fetched: Fetched }[] = [];
    if (answer.partitions.every(({ errorCode }) => errorCode === 0)) this.#failures = 0;
    for (const part of answer.partitions) {
      const place = places.get(part.partition);
      if (place === undefined || this.#places.get(part.partition) !== place) continue;
      const fetched = await this.#accept(leader, part, place);
      if (fetched !== undefined) of.push({ place, fetched });
    }
    if (of.length === 0) return;
    const isTaken = deferred<void>();
    this.#held.set(leader, { of, isTaken });
    this.#wake();
    await isTaken.promise;
  }

  async #accept(leader: number, { partition, errorCode, highWatermark, lastStableOffset, aborted, bytes }: FetchedPartition, place: Place): Promise<Fetched | undefined> {
    const { topic, isolation } = this.#options;
    const from = typeof place.next === 'number' ? place.next : 0;
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      place.next = 'earliest';
      await this.#resolve(leader, new Map([[partition, place]]));
      const earliest = typeof place.next === 'string' ? from : place.next;
      this.#deps.log.warn({ topic, partition, wanted: from, from: earliest }, 'the offset does not exist any more: read from the earliest');
      return { topic, partition, records: [], nextOffset: earliest, highWatermark, lastStableOffset };
    }
    if (errorCode !== 0) {
      if (errorCode === 29) throw new PlatformError('KAFKA_REFUSED', `topic '${topic}' may not be read`);
      this.#lose([place]);
      return undefined;
    }
    const { records, nextOffset } = await readBatches(bytes, {
      topic, partition, fromOffset: from, isolation, aborted,
      onUnreadable: (offset, reason) => this.#deps.log.warn({ topic, partition, offset, reason }, 'a record batch cannot be read: it is left out'),
    });
    if (nextOffset === from) return undefined;
    place.next = nextOffset;
    return { topic, partition, records, nextOffset, highWatermark, lastStableOffset };
  }
}
