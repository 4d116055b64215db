import type { Clock } from '../engine/clock.ts';
import { PlatformError, reportError } from '../engine/errors.ts';
import type { DeadLetter } from '../messages/dead-letter.ts';
import { topicName, type RecordCodecs } from '../messages/topics.ts';
import type { KafkaNode, KafkaRecord, TransactionalProducer } from '../transports/kafka-types.ts';
import { decodeRecord } from './decode-record.ts';
import { readTopic } from './read-topic.ts';

/** What working with dead letters needs. */
export interface DeadLettersOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader' | 'transactions'>;
  readonly codec: RecordCodecs['deadLetters'];
  readonly prefix: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Where a dead letter lies. */
export interface LetterPlace { readonly partition: number; readonly offset: number }

/** A dead letter without its payload. */
export interface LetterEntry extends LetterPlace {
  readonly letter: Omit<DeadLetter, 'payload'>;
  readonly payloadBytes: number;
  readonly isRetried: boolean;
}

/** What is there. */
export interface LetterList {
  /** The newest of them, oldest first in each partition. */
  readonly entries: readonly LetterEntry[];
  /** All there are. */
  readonly total: number;
  /** Records of the topic that are no dead letters. */
  readonly unreadable: number;
}

/** What became of the letters that were asked for. */
export interface RetryReport {
  readonly retried: readonly LetterEntry[];
  /** Not written: each with why. */
  readonly refused: readonly { readonly place: LetterPlace; readonly why: string }[];
}

/** Header of a mark in the dead letters: the letter at this offset of the mark's partition was retried. */
export const RETRIED_HEADER = 'vto-retried-offset';
/** Header of a record that was written again: `<partition>/<offset>` of its dead letter. */
export const RETRY_HEADER = 'vto-retry-of';

/** How long a transaction of one letter may take before the brokers end it. */
const TRANSACTION_MS = 30_000;

/**
 * Lists the newest dead letters of the cluster.
 * @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; the signal's reason
 */
export async function listDeadLetters(options: DeadLettersOptions, max: number): Promise<LetterList> {
  const letters: Omit<LetterEntry, 'isRetried'>[] = [];
  let total = 0;
  let unreadable = 0;
  const retried = await readLetters(options, (entry, record) => {
    if (entry === undefined) {
      unreadable += 1;
      return;
    }
    const { payload, ...letter } = entry;
    letters.push({ partition: record.partition, offset: record.offset, letter, payloadBytes: payload.byteLength });
    total += 1;
    if (letters.length >= 2 * max + 64) keepNewest(letters, max);
  });
  keepNewest(letters, max);
  const entries = letters.map(entry => ({ ...entry, isRetried: retried.has(placeText(entry)) }));
  return { entries: entries.sort((a, b) => a.partition - b.partition || a.offset - b.offset), total, unreadable };
}

/**
 * Writes the original records back to where they were: value, key and headers unchanged, with a header more. Record and mark are one
 * transaction, and a second retry that runs at the same time is fenced, so that no letter is retried twice unless that is forced.
 * @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; KAFKA_FENCED when another retry began; the signal's reason
 */
export async function retryDeadLetters(options: DeadLettersOptions, wanted: LetterPlace | 'all', isForced: boolean): Promise<RetryReport> {
  const { node, prefix } = options;
  await node.bounds(topicName(prefix, 'dead-letters')); // without the topic, nothing is begun
  const producer = await node.transactions(`${prefix}.dead-letters.retry`, TRANSACTION_MS);
  try {
    const retried = await readLetters(options, () => { /* marks only */ });
    const report = { retried: [] as LetterEntry[], refused: [] as { place: LetterPlace; why: string }[] };
    let isFound = false;
    await readLetters(options, async (letter, { partition, offset }) => {
      const place = { partition, offset };
      if (letter === undefined || (wanted !== 'all' && (wanted.partition !== partition || wanted.offset !== offset))) return;
      isFound = true;
      const isRetried = retried.has(placeText(place));
      const why = !letter.topic.startsWith(`${prefix}.`) ? `its topic '${letter.topic}' is not one of '${prefix}'` : isRetried && !isForced ? 'it was retried before; --force retries it again' : undefined;
      if (why !== undefined) {
        report.refused.push({ place, why });
        return;
      }
      await writeBack(producer, { letter, place, prefix });
      const { payload, ...head } = letter;
      report.retried.push({ ...place, letter: head, payloadBytes: payload.byteLength, isRetried });
    });
    if (!isFound && wanted !== 'all') throw new PlatformError('REQUEST_INVALID', `no dead letter at offset ${wanted.offset} of partition ${wanted.partition}`, { field: 'offset' });
    return report;
  } finally {
    await producer.close();
  }
}

async function writeBack(producer: TransactionalProducer, { letter, place, prefix }: { readonly letter: DeadLetter; readonly place: LetterPlace; readonly prefix: string }): Promise<void> {
  const value = Buffer.from(letter.payload.buffer, letter.payload.byteOffset, letter.payload.byteLength);
  await producer.commit([
    { topic: letter.topic, partition: letter.partition, key: letter.key, value, headers: { ...letter.headers, [RETRY_HEADER]: placeText(place) } },
    { topic: topicName(prefix, 'dead-letters'), partition: place.partition, key: letter.key, value: null, headers: { [RETRIED_HEADER]: String(place.offset) } },
  ], []);
}

/** Reads all there are now, and gives the places of those that were retried. `take` gets undefined for a record that is no dead letter. */
async function readLetters(options: DeadLettersOptions, take: (letter: DeadLetter | undefined, record: KafkaRecord) => void | Promise<void>): Promise<ReadonlySet<string>> {
  const { node, prefix, clock, signal, codec } = options;
  const retried = new Set<string>();
  await readTopic({
    node, clock, signal, topic: topicName(prefix, 'dead-letters'), isolation: 'committed',
    take: async record => {
      const mark = record.headers[RETRIED_HEADER];
      if (record.value === null && mark !== undefined) {
        retried.add(placeText({ partition: record.partition, offset: Number(mark) }));
        return;
      }
      await take(await letterOf(codec, record), record);
    },
  });
  return retried;
}

async function letterOf(codec: RecordCodecs['deadLetters'], { value }: KafkaRecord): Promise<DeadLetter | undefined> {
  if (value === null) return undefined;
  try {
    return await decodeRecord(codec, value);
  } catch (error) {
    if (reportError(error).code === 'REGISTRY_UNAVAILABLE') throw error;
    return undefined;
  }
}

function keepNewest(letters: Omit<LetterEntry, 'isRetried'>[], max: number): void {
  if (letters.length <= max) return;
  letters.sort((a, b) => a.letter.at - b.letter.at);
  letters.splice(0, letters.length - max);
}

function placeText({ partition, offset }: LetterPlace): string { return `${partition}/${offset}`; }
