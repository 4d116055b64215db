import { RELEASES, type KafkaSeries } from './broker-versions.ts';
import { fetchJars, whyNoJars } from './jars.ts';
import { startKafka, whyNoKafka, type Kafka, type KafkaOptions } from './start-kafka.ts';

/** A broker that tests talk to and leave alone. */
export interface GivenKafka {
  readonly brokers: readonly string[];
  /** Release, or `given` when `VTO_TEST_KAFKA` names it. */
  readonly version: string;
  /** Ends it when this file has started it. */
  close(): Promise<void>;
}

/** Environment variables with the brokers that `npm run test:real` shares among its files. */
export const SHARED = { '3.9': 'VTO_TEST_KAFKA_39', '4.x': 'VTO_TEST_KAFKA_4' } as const satisfies Record<KafkaSeries, string>;

/**
 * A broker for a test file: the one that `VTO_TEST_KAFKA` names (`host:port,…`, of whatever release), one shared by the files of a run, or one of its own.
 * Undefined after a `SKIP:` line when none can be had, which fails the run where CI=true. Others may use it too: take topics and groups of your own.
 */
export async function kafkaOrSkip(series: KafkaSeries = '4.x'): Promise<GivenKafka | undefined> {
  const given = process.env['VTO_TEST_KAFKA'];
  if (given !== undefined) return { brokers: given.split(','), version: 'given', close: async () => undefined };
  const shared = process.env[SHARED[series]];
  if (shared !== undefined) return { brokers: shared.split(','), version: RELEASES[series].version, close: async () => undefined };
  return ownKafkaOrSkip({ version: series });
}

/** A broker that the test may kill; undefined after a `SKIP:` line when none can be started. */
export async function ownKafkaOrSkip(options: KafkaOptions = {}): Promise<Kafka | undefined> {
  const series = options.version ?? '4.x';
  const why = whyNoKafka(series) ?? await whyNotFetched(series);
  if (why === undefined) return startKafka(options);
  console.log(`SKIP: Kafka ${series}: no Kafka: ${why}; name a broker with VTO_TEST_KAFKA=host:port, or install Docker, or Java 17 and Maven`);
  return undefined;
}

/** The first use fetches jars: a machine without a network says so instead of failing. */
async function whyNotFetched(series: KafkaSeries): Promise<string | undefined> {
  if (whyNoJars(series) !== undefined) return undefined; // containers then
  try {
    await fetchJars(series);
    return undefined;
  } catch (error) {
    return String(error).split('\n', 2).join(' ');
  }
}
