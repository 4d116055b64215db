import { PlatformError } from '../../engine/errors.ts';
import type { GroupOffset, OutRecord, TransactionalProducer } from '../kafka-types.ts';
import type { Compression } from './compression.ts';
import { BrokerError, type Broker, type KafkaLink } from './kafkajs-internals.ts';
import { lastingFailure, patiently, reasonOf, type KafkaDeps } from './patience.ts';
import { initProducer } from './queued-producer.ts';
import { RecordWriter, type ProducerId } from './record-writer.ts';

/** The transaction before is still being ended: a matter of milliseconds, so it is tried again at once. */
const FIRST_PAUSE_MS = 3;
/** A transaction that cannot end in this time is left to the next producer of its id. */
const GIVE_UP_MS = 15_000;

// https://kafka.apache.org/protocol#protocol_error_codes
const FENCED = new Set([47, 49, 90]);
const INVALID_TXN_STATE = 48;
const NOT_COORDINATOR = new Set([14, 15, 16]);
const WAIT = new Set([51, 7, 3, 56]);

interface Txn { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number }

/** Whose coordinator is asked. */
interface CoordinatorName { readonly kind: 'transaction' | 'group'; readonly key: string }

/** Settings of a transactional producer. */
export interface TransactionOptions { readonly transactionalId: string; readonly timeoutMs: number; readonly compression: Compression; readonly signal: AbortSignal }

/** Makes a transactional producer; resolves when older ones of its id are fenced and their transactions have ended. */
export async function openTransactions(link: KafkaLink, deps: KafkaDeps, options: TransactionOptions): Promise<TransactionalProducer> {
  const { transactionalId, timeoutMs, signal } = options;
  const self = await patiently(async () => {
    try {
      return await initProducer(link, { transactionalId, timeoutMs });
    } catch (error) {
      if (!(error instanceof BrokerError) || NOT_COORDINATOR.has(error.code)) link.forgetCoordinator('transaction', transactionalId);
      throw error;
    }
  }, deps, { signal, firstMs: FIRST_PAUSE_MS, maxMs: 500 });
  return new Transactions(link, deps, options, self);
}

class Transactions implements TransactionalProducer {
  readonly #link: KafkaLink;
  readonly #deps: KafkaDeps;
  readonly #id: string;
  readonly #txn: Txn;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #writer: RecordWriter;
  #unfit: PlatformError | undefined;

  constructor(link: KafkaLink, deps: KafkaDeps, { transactionalId, compression, signal }: TransactionOptions, self: ProducerId) {
    this.#link = link;
    this.#deps = deps;
    this.#id = transactionalId;
    this.#txn = { transactionalId, producerId: String(self.producerId), producerEpoch: self.epoch };
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
    let isNew = true;
    this.#writer = new RecordWriter(link, deps, {
      compression, transactionalId, giveUpMs: GIVE_UP_MS, signal: this.#signal,
      identify: async () => {
        if (!isNew) throw new PlatformError('KAFKA_FENCED', `the brokers have forgotten the producer of '${transactionalId}'`);
        isNew = false;
        return self;
      },
      announce: async partitions => {
        const topics = [...partitions].map(([topic, numbers]) => ({ topic, partitions: [...numbers] }));
        await this.#ask({ kind: 'transaction', key: transactionalId }, 'AddPartitionsToTxn', { ...this.#txn, topics }, codesOfPartitions);
      },
    });
  }

  async commit(records: readonly OutRecord[], offsets: readonly GroupOffset[]): Promise<void> {
    if (this.#unfit !== undefined) throw this.#unfit;
    if (records.length === 0 && offsets.length === 0) return;
    try {
      const refusal = records.length === 0 ? undefined : (await this.#writer.write(records)).refusal;
      if (refusal === undefined) for (const [group, ofGroup] of Map.groupBy(offsets, each => each.group)) await this.#addOffsets(group, ofGroup);
      await this.#ask({ kind: 'transaction', key: this.#id }, 'EndTxn', { ...this.#txn, transactionResult: refusal === undefined }, codeOf);
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      const failure = lastingFailure(error) ?? new PlatformError('KAFKA_UNAVAILABLE', `the end of a transaction of '${this.#id}' is not known: ${reasonOf(error)}`, {}, error);
      if (failure.code !== 'RECORD_INVALID') this.#unfit = failure;
      throw failure;
    }
  }

  async close(): Promise<void> {
    this.#unfit ??= new PlatformError('PORT_CLOSED', `the producer of '${this.#id}' is closed`);
    this.#ended.abort(this.#unfit);
    this.#link.close();
  }

  async #addOffsets(group: string, offsets: readonly GroupOffset[]): Promise<void> {
    await this.#ask({ kind: 'transaction', key: this.#id }, 'AddOffsetsToTxn', { ...this.#txn, groupId: group }, codeOf);
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic, partitions: ofTopic.map(({ partition, offset }) => ({ partition, offset: BigInt(offset), metadata: null })),
    }));
    await this.#ask({ kind: 'group', key: group }, 'TxnOffsetCommit', { ...this.#txn, groupId: group, topics }, codesOfPartitions);
  }

  /** Asks a coordinator until it agrees: each of these requests may be sent again. */
  async #ask({ kind, key }: CoordinatorName, apiName: string, params: object, codesIn: (answer: unknown) => readonly number[]): Promise<void> {
    await patiently(async () => {
      let answer: unknown;
      try {
        const broker: Broker = await this.#link.coordinator(kind, key);
        answer = await broker.ask(apiName, params);
      } catch (error) {
        this.#link.forgetCoordinator(kind, key);
        throw error;
      }
      const code = codesIn(answer).find(each => each !== 0);
      if (code === undefined) return;
      if (FENCED.has(code)) throw new PlatformError('KAFKA_FENCED', `a newer producer of '${this.#id}' exists, or its transaction took too long`, { errorCode: code });
      if (code === INVALID_TXN_STATE) throw new PlatformError('KAFKA_FENCED', `the transaction of '${this.#id}' was ended by the brokers`, { errorCode: code });
      if (NOT_COORDINATOR.has(code)) this.#link.forgetCoordinator(kind, key);
      const failure = new BrokerError(code, `${apiName} of '${this.#id}'`);
      if (!NOT_COORDINATOR.has(code) && !WAIT.has(code)) throw lastingFailure(failure) ?? failure;
      throw failure;
    }, this.#deps, { signal: this.#signal, firstMs: FIRST_PAUSE_MS, maxMs: 200, giveUpMs: GIVE_UP_MS });
  }
}

function codeOf(answer: unknown): number[] {
  return [(answer as { errorCode: number }).errorCode];
}

/** Of AddPartitionsToTxn and TxnOffsetCommit. */
function codesOfPartitions(answer: unknown): number[] {
  const { errors, topics } = answer as { errors?: readonly { partitionErrors: readonly { errorCode: number }[] }[]; topics?: readonly { partitions: readonly { errorCode: number }[] }[] };
  return [...(errors ?? []).flatMap(({ partitionErrors }) => partitionErrors), ...(topics ?? []).flatMap(({ partitions }) => partitions)].map(({ errorCode }) => errorCode);
}
