import { AbortGroup, Wait } from '../../src/engine/abort-group.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { deferred, type Deferred } from '../../src/engine/timers.ts';
import type {
  Fetched, GroupMember, GroupOffset, Isolation, KafkaNode, KafkaOutOptions, KafkaProducer, KafkaState, MemberOptions, OutRecord, PartitionReader, RecordCodec, TopicSpec, TransactionalProducer, Written,
} from '../../src/transports/kafka-types.ts';
import { createInputPort, type InputOptions, type KafkaInPort } from '../../src/transports/kafka/input-port.ts';
import { partitionOf } from '../../src/transports/kafka/murmur2.ts';
import { createOutputPort, type KafkaOutPort } from '../../src/transports/kafka/output-port.ts';
import { MemoryGroup, type MemoryMember } from './memory-kafka-group.ts';
import { MemoryPartition, type MemoryTransaction } from './memory-kafka-log.ts';

/** Settings of a cluster in memory. */
export interface MemoryKafkaOptions {
  /** Partitions of a topic that is used before it is made. */
  readonly partitions: number;
  /** @default the machine's */
  readonly clock?: Clock;
}

/** One process's access to a cluster in memory. */
export interface MemoryNode extends KafkaNode {
  /** As if the process stood still past its sessions: its group members are thrown out without knowing. What the test calls still runs. */
  suspend(): void;
  /** Its members join again. */
  resume(): void;
}

/** Hooks into transactions, to hold or fail them where it hurts. A hook that throws makes the commit reject with KAFKA_UNAVAILABLE. */
export interface MemoryFaults {
  /** After the records were written, before the transaction ends: it stays open (until a newer producer of the id aborts it) while this waits or when it throws. */
  beforeCommit?: ((transactionalId: string) => Promise<void>) | undefined;
  /** After the transaction was committed, before the caller hears of it. */
  afterCommit?: ((transactionalId: string) => Promise<void>) | undefined;
  /** Before records of plain producers are written; one that throws rejects the send with its error. */
  beforeSend?: ((records: readonly OutRecord[]) => Promise<void>) | undefined;
}

/** A Kafka cluster in memory, for tests: partitions with offsets, murmur2, transactions with fencing, groups with sticky assignment. */
export interface MemoryKafka {
  /** Another process's access. */
  node(): MemoryNode;
  /** The brokers are away: `send` and transactions reject with KAFKA_UNAVAILABLE, everything else waits. */
  goDown(): void;
  comeBack(): void;
  /** Retention: forgets the records before an offset. */
  truncate(topic: string, partition: number, before: number): void;
  readonly faults: MemoryFaults;
}

/** Makes a cluster in memory. */
export function createMemoryKafka(options: MemoryKafkaOptions): MemoryKafka {
  const cluster = new Cluster(options);
  return {
    node: () => new Node(cluster), goDown: () => cluster.goDown(), comeBack: () => cluster.comeBack(), faults: cluster.faults,
    truncate(topic, partition, before) { cluster.partition(topic, partition).truncate(before); cluster.changed(); },
  };
}

const away = (): PlatformError => new PlatformError('KAFKA_UNAVAILABLE', 'the brokers are away');
const closed = (): PlatformError => new PlatformError('PORT_CLOSED', 'the connection to Kafka is closed');

class Cluster {
  readonly faults: MemoryFaults = {};
  readonly clock: Clock;
  readonly topics = new Map<string, MemoryPartition[]>();
  readonly #partitions: number;
  readonly #groups = new Map<string, MemoryGroup>();
  readonly #committed = new Map<string, number>();
  /** Newest producer of each transactional id. */
  readonly producers = new Map<string, Transactions>();
  readonly listeners = new Set<() => void>();
  #down: Deferred<void> | undefined;

  constructor({ partitions, clock }: MemoryKafkaOptions) {
    this.#partitions = partitions;
    this.clock = clock ?? systemClock;
  }

  get isUp(): boolean { return this.#down === undefined; }
  async up(): Promise<void> { while (this.#down !== undefined) await this.#down.promise; }
  goDown(): void { this.#down ??= deferred(); this.changed(); }
  comeBack(): void { this.#down?.resolve(); this.#down = undefined; this.changed(); }
  changed(): void { for (const listener of [...this.listeners]) listener(); }
  nowMs(): number { return Math.floor(this.clock.now() / 1000); }

  make(topic: string, count: number): MemoryPartition[] {
    const made = Array.from({ length: count }, (_, partition) => new MemoryPartition(topic, partition));
    this.topics.set(topic, made);
    return made;
  }

  all(topic: string): MemoryPartition[] { return this.topics.get(topic) ?? this.make(topic, this.#partitions); }

  partition(topic: string, partition: number): MemoryPartition {
    const found = this.all(topic)[partition];
    if (found === undefined) throw new PlatformError('TOPIC_UNFIT', `topic '${topic}' has no partition ${partition}`);
    return found;
  }

  place(record: OutRecord): number { return record.partition ?? partitionOf(record.key ?? '', this.all(record.topic).length); }

  append(records: readonly OutRecord[], transaction?: MemoryTransaction): Written[] {
    return records.map(record => {
      const partition = this.place(record);
      return { topic: record.topic, partition, offset: this.partition(record.topic, partition).append(record, this.nowMs(), transaction) };
    });
  }

  group(name: string): MemoryGroup {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new MemoryGroup(name, { partitionCounts: topics => new Map(topics.map(topic => [topic, this.all(topic).length])), isUp: () => this.isUp, commit: offsets => this.commitOffsets(offsets) });
      this.#groups.set(name, group);
    }
    return group;
  }

  commitOffsets(offsets: readonly GroupOffset[]): void {
    for (const { group, topic, partition, offset } of offsets) this.#committed.set(`${group} ${topic} ${partition}`, offset);
  }

  committed(group: string, topic: string): Map<number, number> {
    const found = new Map<number, number>();
    for (const partition of this.all(topic).keys()) {
      const offset = this.#committed.get(`${group} ${topic} ${partition}`);
      if (offset !== undefined) found.set(partition, offset);
    }
    return found;
  }
}

class Transactions implements TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #id: string;
  #open: { readonly transaction: MemoryTransaction; readonly written: readonly Written[] } | undefined;
  #isLost = false;

  constructor(cluster: Cluster, id: string) {
    this.#cluster = cluster;
    this.#id = id;
    cluster.producers.get(id)?.end('aborted');
    cluster.producers.set(id, this);
    cluster.changed();
  }

  end(state: 'committed' | 'aborted'): void {
    if (this.#open === undefined) return;
    const { transaction, written } = this.#open;
    this.#open = undefined;
    transaction.state = state;
    for (const { topic, partition } of new Map(written.map(each => [`${each.topic} ${each.partition}`, each])).values()) this.#cluster.partition(topic, partition).appendControl();
    this.#cluster.changed();
  }

  async commit(records: readonly OutRecord[], offsets: readonly GroupOffset[]): Promise<void> {
    await Promise.resolve();
    this.#check();
    if (this.#isLost) throw new PlatformError('KAFKA_UNAVAILABLE', 'an earlier transaction of this producer ended unknown');
    const transaction: MemoryTransaction = { id: this.#id, state: 'open' };
    this.#open = { transaction, written: this.#cluster.append(records, transaction) };
    this.#cluster.changed();
    await this.#hook(this.#cluster.faults.beforeCommit);
    this.#check();
    this.end('committed');
    this.#cluster.commitOffsets(offsets);
    await this.#hook(this.#cluster.faults.afterCommit);
  }

  async close(): Promise<void> { /* an open transaction stays open, until its id is used again */ }

  async #hook(hook: ((id: string) => Promise<void>) | undefined): Promise<void> {
    try {
      await hook?.(this.#id);
    } catch (error) {
      this.#isLost = true;
      throw new PlatformError('KAFKA_UNAVAILABLE', `the end of a transaction of '${this.#id}' is not known`, {}, error);
    }
  }

  #check(): void {
    if (this.#cluster.producers.get(this.#id) !== this) throw new PlatformError('KAFKA_FENCED', `a newer producer of '${this.#id}' exists`);
    if (!this.#cluster.isUp) { this.#isLost = true; throw away(); }
  }
}

class Reader implements PartitionReader {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #isCommitted: boolean;
  readonly #maxBytes: number;
  readonly #positions = new Map<number, number>();
  readonly #aborts = new AbortGroup();
  readonly #closed = new AbortController();

  constructor(cluster: Cluster, topic: string, options: { readonly isolation: Isolation; readonly maxBytes: number }) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#isCommitted = options.isolation === 'committed';
    this.#maxBytes = options.maxBytes;
  }

  seek(partition: number, from: number | 'earliest' | 'latest'): void {
    const log = this.#cluster.partition(this.#topic, partition);
    this.#positions.set(partition, from === 'earliest' ? log.begin : from === 'latest' ? this.#end(log) : from);
    this.#cluster.changed();
  }

  drop(partition: number): void { this.#positions.delete(partition); }

  async read(signal: AbortSignal): Promise<readonly Fetched[]> {
    for (;;) {
      signal.throwIfAborted();
      this.#closed.signal.throwIfAborted();
      const fetched = this.#cluster.isUp ? this.#fetch() : [];
      if (fetched.length > 0) return fetched;
      const change = new Wait<void>(this.#aborts, signal);
      const wake = (): void => change.resolve();
      this.#cluster.listeners.add(wake);
      this.#closed.signal.addEventListener('abort', wake, { once: true });
      try { await change.promise; } finally { this.#cluster.listeners.delete(wake); this.#closed.signal.removeEventListener('abort', wake); }
    }
  }

  async close(): Promise<void> { this.#closed.abort(closed()); }

  #end(log: MemoryPartition): number { return this.#isCommitted ? log.lastStable : log.end; }

  #fetch(): Fetched[] {
    const all: Fetched[] = [];
    let left = this.#maxBytes;
    for (const [partition, position] of this.#positions) {
      const log = this.#cluster.partition(this.#topic, partition);
      const from = position < log.begin || position > log.end ? log.begin : position;
      if (left <= 0) break;
      const { records, nextOffset, bytes } = log.read(from, this.#isCommitted, left);
      if (records.length === 0 && nextOffset === position) continue;
      left -= bytes;
      this.#positions.set(partition, nextOffset);
      all.push({ topic: this.#topic, partition, records, nextOffset, highWatermark: log.end, lastStableOffset: log.lastStable });
    }
    return all;
  }
}

class Node implements MemoryNode {
  readonly #cluster: Cluster;
  readonly #members = new Set<MemoryMember>();
  readonly #opened: { close(): Promise<void> }[] = [];
  readonly #listeners = new Map<(state: KafkaState) => void, () => void>();
  #isClosed = false;
  #since: number;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#since = cluster.nowMs();
  }

  get state(): KafkaState {
    return this.#cluster.isUp ? { state: 'up', since: this.#since } : { state: 'down', since: this.#since, message: 'the brokers are away' };
  }

  onState(listener: (state: KafkaState) => void): () => void {
    let last = this.state.state;
    const changed = (): void => {
      if (this.state.state === last) return;
      last = this.state.state;
      this.#since = this.#cluster.nowMs();
      listener(this.state);
    };
    this.#cluster.listeners.add(changed);
    this.#listeners.set(listener, changed);
    return () => { this.#cluster.listeners.delete(changed); };
  }

  suspend(): void { for (const member of this.#members) member.expire(); }
  resume(): void { for (const member of this.#members) member.rejoin(); }

  output<Body>(topic: string, codec: RecordCodec<Body>, options: KafkaOutOptions): KafkaOutPort<Body> {
    const ended = deferred<never>();
    ended.promise.catch(() => { /* nothing was under way */ });
    const send = (groups: readonly (readonly OutRecord[])[]): readonly Promise<unknown>[] => {
      const sent = (async () => {
        await Promise.race([this.#cluster.up(), ended.promise]);
        await this.#cluster.faults.beforeSend?.(groups.flat());
        this.#cluster.append(groups.flat());
        this.#cluster.changed();
      })();
      return groups.map(() => sent);
    };
    return this.#keep(createOutputPort(topic, codec, options, { send, stop: async () => ended.reject(closed()), clock: this.#cluster.clock }));
  }

  input<Body>(topic: string, codec: RecordCodec<Body>, options: InputOptions): KafkaInPort<Body> {
    return this.#keep(createInputPort(topic, codec, options, { join: each => this.join(each), reader: (name, how) => this.reader(name, how), committed: (group, name) => this.committed(group, name), clock: this.#cluster.clock, log: { info() { /* a test looks at the outcome */ }, warn() { /* as info */ } } }));
  }

  async producer(): Promise<KafkaProducer> {
    await this.#ready();
    let sending: Promise<unknown> = Promise.resolve();
    const send = async (records: readonly OutRecord[]): Promise<Written[]> => {
      await this.#cluster.faults.beforeSend?.(records);
      if (!this.#cluster.isUp) throw away();
      const written = this.#cluster.append(records);
      this.#cluster.changed();
      return written;
    };
    return {
      send(records) { const sent = sending.then(() => send(records)); sending = sent.catch(() => { /* told to its caller */ }); return sent; },
      async close() { await sending; },
    };
  }

  async transactions(transactionalId: string): Promise<TransactionalProducer> {
    await this.#ready();
    return new Transactions(this.#cluster, transactionalId);
  }

  reader(topic: string, options: { readonly isolation: Isolation; readonly maxBytes: number }): PartitionReader {
    return this.#keep(new Reader(this.#cluster, topic, options));
  }

  async join(options: MemberOptions): Promise<GroupMember> {
    await this.#ready();
    const member = this.#cluster.group(options.group).join(options);
    this.#members.add(member);
    return {
      get assignment() { return member.assignment; },
      commit: offsets => member.commit(offsets),
      close: async () => { this.#members.delete(member); await member.close(); },
    };
  }

  async partitionCount(topic: string): Promise<number> {
    await this.#ready();
    return this.#cluster.all(topic).length;
  }

  async bounds(topic: string, isolation: Isolation = 'committed'): Promise<ReadonlyMap<number, { readonly begin: number; readonly end: number }>> {
    await this.#ready();
    return new Map(this.#cluster.all(topic).map((log, partition) => [partition, { begin: log.begin, end: isolation === 'committed' ? log.lastStable : log.end }]));
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    await this.#ready();
    return this.#cluster.committed(group, topic);
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#ready();
    for (const { topic, partitions } of specs) {
      const found = this.#cluster.topics.get(topic)?.length;
      if (found === undefined) this.#cluster.make(topic, partitions);
      else if (found !== partitions) throw new PlatformError('TOPIC_UNFIT', `topic '${topic}' has ${found} partitions instead of ${partitions}`, { topic, found, wanted: partitions });
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const opened of this.#opened.splice(0).toReversed()) await opened.close();
    for (const member of this.#members) await member.close();
    for (const changed of this.#listeners.values()) this.#cluster.listeners.delete(changed);
  }

  #keep<Opened extends { close(): Promise<void> }>(opened: Opened): Opened {
    this.#opened.push(opened);
    return opened;
  }

  async #ready(): Promise<void> {
    await this.#cluster.up();
    if (this.#isClosed) throw closed();
  }
}
