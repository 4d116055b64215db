import { PlatformError } from '../../engine/errors.ts';
import { deferred, type Deferred } from '../../engine/timers.ts';
import type { KafkaProducer, OutRecord, Written } from '../kafka-types.ts';
import type { Compression } from './compression.ts';
import { BrokerError, type KafkaLink } from './kafkajs-internals.ts';
import { patiently, type KafkaDeps } from './patience.ts';
import { recordSize } from './record-batch.ts';
import { RecordWriter, type ProducerId } from './record-writer.ts';

/** Sends that wait are written together up to so many bytes. */
const TOGETHER_BYTES = 4 << 20;
/** What is under way at the end has so long. */
const GRACE_MS = 2000;

interface Job { readonly records: readonly OutRecord[]; readonly done: Deferred<readonly Written[]> }

/** Settings of a producer. */
export interface ProducerOptions { readonly compression: Compression; readonly giveUpMs: number }

/** An idempotent producer on connections of its own: acknowledged by all replicas, calls in order, what waits meanwhile is sent together. */
export class QueuedProducer implements KafkaProducer {
  readonly #link: KafkaLink;
  readonly #deps: KafkaDeps;
  readonly #writer: RecordWriter;
  readonly #ended = new AbortController();
  readonly #queue: Job[] = [];
  #isClosing = false;
  #running: Promise<void> | undefined;

  constructor(link: KafkaLink, deps: KafkaDeps, { compression, giveUpMs }: ProducerOptions) {
    this.#link = link;
    this.#deps = deps;
    this.#writer = new RecordWriter(link, deps, { compression, giveUpMs, transactionalId: null, signal: this.#ended.signal, identify: () => initProducer(link, { transactionalId: null, timeoutMs: 60_000 }) });
  }

  /** Resolves when the brokers answer. */
  async connect(): Promise<void> {
    await patiently(() => this.#link.refresh([]), this.#deps, { signal: this.#ended.signal });
  }

  send(records: readonly OutRecord[]): Promise<readonly Written[]> {
    if (this.#isClosing) return Promise.reject(closed());
    if (records.length === 0) return Promise.resolve([]);
    const done = deferred<readonly Written[]>();
    this.#queue.push({ records, done });
    this.#running ??= this.#run();
    return done.promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#running !== undefined && !this.#ended.signal.aborted) {
      const grace = new AbortController();
      await Promise.race([this.#running, this.#deps.clock.sleep(GRACE_MS, grace.signal).catch(() => { /* it ended in time */ })]);
      grace.abort();
    }
    this.#ended.abort(closed());
    this.#link.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // sends of one turn go together
    while (this.#queue.length > 0) {
      const jobs = this.#takeJobs();
      try {
        const { written, refusal } = await this.#writer.write(jobs.flatMap(({ records }) => records));
        let place = 0;
        for (const { records, done } of jobs) {
          const own = written.slice(place, place + records.length).filter(each => each !== undefined);
          place += records.length;
          if (own.length === records.length) done.resolve(own); else done.reject(refusal ?? new PlatformError('KAFKA_UNAVAILABLE', 'a broker did not say what it wrote'));
        }
      } catch (error) {
        for (const { done } of jobs) done.reject(error);
      }
    }
    this.#running = undefined;
  }

  #takeJobs(): Job[] {
    let bytes = 0;
    let count = 0;
    for (const { records } of this.#queue) {
      if (count > 0 && bytes >= TOGETHER_BYTES) break;
      for (const record of records) bytes += recordSize(record);
      count += 1;
    }
    return this.#queue.splice(0, count);
  }
}

/**
 * Makes a producer known to the brokers: a new one, or the next epoch of a transactional id, which ends what older ones left open.
 * @throws BrokerError also while an older transaction is ending
 */
export async function initProducer(link: KafkaLink, { transactionalId, timeoutMs }: { readonly transactionalId: string | null; readonly timeoutMs: number }): Promise<ProducerId> {
  if (link.metadata === undefined) await link.refresh([]);
  const broker = transactionalId === null ? await link.anyBroker() : await link.coordinator('transaction', transactionalId);
  const answer = await broker.ask('InitProducerId', { transactionalId, transactionTimeout: timeoutMs }) as { errorCode: number; producerId: string; producerEpoch: number };
  if (answer.errorCode !== 0) throw new BrokerError(answer.errorCode, transactionalId === null ? 'no producer id' : `no producer id for '${transactionalId}'`);
  return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch };
}

function closed(): PlatformError {
  return new PlatformError('PORT_CLOSED', 'the producer is closed');
}
