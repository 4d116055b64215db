import { PlatformError } from '../../engine/errors.ts';
import type { OutRecord, Written } from '../kafka-types.ts';
import type { Compression } from './compression.ts';
import { BrokerError, type KafkaLink } from './kafkajs-internals.ts';
import { partitionOf } from './murmur2.ts';
import { lastingFailure, patiently, type KafkaDeps } from './patience.ts';
import { produceRequest, produceResults, type ProduceResult } from './produce-request.ts';
import { encodeBatch, recordSize } from './record-batch.ts';

/** A batch closes before it would be larger: what a topic takes unless it was made otherwise. One record may be larger. */
const BATCH_BYTES = 900_000;
const PRODUCE_TIMEOUT_MS = 10_000;

// https://kafka.apache.org/protocol#protocol_error_codes
const TOO_LARGE = new Set([10, 18]);
const INVALID = new Set([32, 43, 76, 87]);
const SEQUENCE_LOST = new Set([45, 59]);
const FENCED = new Set([47, 49, 90]);
const DUPLICATE = 46;

/** A producer's name at the brokers. */
export interface ProducerId { readonly producerId: bigint; readonly epoch: number }

/** How records are written. */
export interface WriterOptions {
  readonly compression: Compression;
  /** Null: idempotent only. */
  readonly transactionalId: string | null;
  readonly giveUpMs: number;
  readonly signal: AbortSignal;
  /** Makes this producer known to the brokers; asked again when they have forgotten it. */
  identify(): Promise<ProducerId>;
  /** Called with the partitions of what is about to be written, before it is. */
  announce?(partitions: ReadonlyMap<string, ReadonlySet<number>>): Promise<void>;
}

interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutRecord[];
  /** Place of each record in the caller's list. */
  readonly places: readonly number[];
  /** Encoded once: a batch that is sent again has the sequence number it had, by which the broker knows it. */
  encoded: { readonly parts: readonly Buffer[]; readonly by: ProducerId } | undefined;
}

/** Where each record went; those that the broker does not take have no place, and `refusal` (RECORD_INVALID) says why. */
export interface WriteResult { readonly written: readonly (Written | undefined)[]; readonly refusal: PlatformError | undefined }

/**
 * Writes records to their leaders, each exactly once however often it is sent: a batch that failed is sent again as it was, to whoever leads its
 * partition then, and nothing newer of that partition overtakes it. One call at a time.
 */
export class RecordWriter {
  readonly #link: KafkaLink;
  readonly #deps: KafkaDeps;
  readonly #options: WriterOptions;
  readonly #sequences = new Map<string, number>();
  #self: ProducerId | undefined;

  constructor(link: KafkaLink, deps: KafkaDeps, options: WriterOptions) {
    this.#link = link;
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Writes records, in their order where they share a partition.
   * @throws PlatformError KAFKA_UNAVAILABLE after `giveUpMs`: what was written is not known; KAFKA_REFUSED, KAFKA_FENCED
   */
  async write(records: readonly OutRecord[]): Promise<WriteResult> {
    const written: Written[] = [];
    const queues = await this.#batches(records);
    await this.#options.announce?.(new Map([...Map.groupBy(queues, ([first]) => first?.topic ?? '')].map(([topic, ofTopic]) => [topic, new Set(ofTopic.map(([first]) => first?.partition ?? 0))])));
    let refusal: PlatformError | undefined;
    try {
      await patiently(async () => {
        while (queues.some(queue => queue.length > 0)) {
          const failed = await this.#round(queues, written, error => { refusal ??= error; });
          if (failed !== undefined) throw failed;
        }
      }, this.#deps, { signal: this.#options.signal, giveUpMs: this.#options.giveUpMs });
    } catch (error) {
      // Sequence numbers of what is given up may be taken or not: only a new name at the brokers is sure.
      this.#self = undefined;
      this.#sequences.clear();
      throw error;
    }
    return { written, refusal };
  }

  /** Cuts records into batches, queued by partition. */
  async #batches(records: readonly OutRecord[]): Promise<Batch[][]> {
    const counts = await this.#partitionCounts(new Set(records.map(({ topic }) => topic)));
    const queues = new Map<string, Batch[]>();
    const open = new Map<string, { records: OutRecord[]; places: number[]; bytes: number }>();
    for (const [place, record] of records.entries()) {
      const partition = record.partition ?? partitionOf(record.key ?? '', counts.get(record.topic) ?? 1);
      const id = `${record.topic} ${partition}`;
      const sizeBytes = recordSize(record);
      let batch = open.get(id);
      if (batch === undefined || batch.bytes + sizeBytes > BATCH_BYTES) {
        batch = { records: [], places: [], bytes: 0 };
        open.set(id, batch);
        const queue = queues.get(id) ?? [];
        queue.push({ topic: record.topic, partition, records: batch.records, places: batch.places, encoded: undefined });
        queues.set(id, queue);
      }
      batch.records.push(record);
      batch.places.push(place);
      batch.bytes += sizeBytes;
    }
    return [...queues.values()];
  }

  async #partitionCounts(topics: ReadonlySet<string>): Promise<Map<string, number>> {
    return patiently(async () => {
      if ([...topics].some(topic => this.#link.leaders(topic) === undefined)) await this.#link.refresh([...topics]);
      return new Map([...topics].map(topic => {
        const leaders = this.#link.leaders(topic);
        if (leaders === undefined) throw new BrokerError(this.#link.topicError(topic) ?? 3, `topic '${topic}' is not known`);
        return [topic, leaders.length];
      }));
    }, this.#deps, { signal: this.#options.signal, giveUpMs: this.#options.giveUpMs });
  }

  /** Sends the first batch of every partition; returns what failed and may pass. */
  async #round(queues: Batch[][], written: Written[], onRefusal: (error: PlatformError) => void): Promise<unknown> {
    this.#self ??= await this.#options.identify();
    const first = queues.flatMap(([batch]) => (batch === undefined ? [] : [batch]));
    const byLeader = Map.groupBy(first, ({ topic, partition }) => this.#link.leaders(topic)?.[partition] ?? -1);
    let failed: unknown;
    const leaderless = byLeader.get(-1);
    if (leaderless !== undefined) failed = new BrokerError(5, `partition ${leaderless[0]?.partition} of '${leaderless[0]?.topic}' has no leader`);
    byLeader.delete(-1);
    await Promise.all([...byLeader].map(async ([leader, batches]) => {
      try {
        for (const result of await this.#send(leader, batches)) {
          const queue = queues.find(([batch]) => batch?.topic === result.topic && batch.partition === result.partition);
          if (queue === undefined) continue;
          try { this.#settle(queue, result, written); } catch (error) {
            const lasting = lastingFailure(error);
            if (lasting?.code === 'RECORD_INVALID') { onRefusal(lasting); queue.shift(); } else failed = error;
          }
        }
      } catch (error) { failed = error; }
    }));
    if (failed !== undefined && lastingFailure(failed) === undefined) await this.#link.refresh([...new Set(first.map(({ topic }) => topic))]);
    return failed;
  }

  async #send(leader: number, batches: readonly Batch[]): Promise<readonly ProduceResult[]> {
    const by = this.#self;
    if (by === undefined) return [];
    const { transactionalId, compression } = this.#options;
    const nowMs = Math.floor(this.#deps.clock.now() / 1000);
    for (const batch of batches) {
      if (batch.encoded?.by === by) continue;
      const sequence = this.#sequences.get(`${batch.topic} ${batch.partition}`) ?? 0;
      batch.encoded = { by, parts: await encodeBatch(batch.records, { producer: { ...by, sequence, isTransactional: transactionalId !== null }, nowMs, compression }) };
    }
    const broker = await this.#link.broker(leader);
    return produceResults(await broker.askRaw(produceRequest(batches.map(({ topic, partition, encoded }) => ({ topic, partition, parts: encoded?.parts ?? [] })), transactionalId, PRODUCE_TIMEOUT_MS)));
  }

  /** Takes a result over; throws what failed. */
  #settle(queue: Batch[], { topic, partition, errorCode, baseOffset }: ProduceResult, written: Written[]): void {
    const [batch] = queue;
    if (batch === undefined) return;
    if (errorCode === 0 || errorCode === DUPLICATE) {
      for (const [index, place] of batch.places.entries()) written[place] = { topic, partition, offset: errorCode === 0 ? baseOffset + index : -1 };
      const id = `${topic} ${partition}`;
      this.#sequences.set(id, ((this.#sequences.get(id) ?? 0) + batch.records.length) % 2 ** 31);
      queue.shift();
      return;
    }
    const what = `partition ${partition} of '${topic}' did not take ${batch.records.length} records`;
    if (FENCED.has(errorCode) && this.#options.transactionalId !== null) throw new PlatformError('KAFKA_FENCED', `a newer producer of '${this.#options.transactionalId}' exists`, { errorCode });
    if (SEQUENCE_LOST.has(errorCode) || FENCED.has(errorCode)) this.#forget(); // refused, so nothing of it is written
    if (TOO_LARGE.has(errorCode) && batch.records.length > 1) {
      queue.splice(0, 1, ...batch.records.map((record, index) => ({ topic, partition, records: [record], places: [batch.places[index] ?? 0], encoded: undefined })));
    } else if (TOO_LARGE.has(errorCode) || INVALID.has(errorCode)) {
      throw new PlatformError('RECORD_INVALID', `${what} (Kafka error ${errorCode}), ${batch.records.reduce((sum, record) => sum + recordSize(record), 0)} bytes`, { topic, partition, errorCode });
    }
    throw new BrokerError(errorCode, what);
  }

  #forget(): void {
    this.#self = undefined;
    this.#sequences.clear();
  }
}
