import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaSeries } from './broker-versions.ts';
import { ownKafkaOrSkip, SHARED } from './kafka-or-skip.ts';

/** Which files of a run need brokers is read out of their text. */
const WANTS: Readonly<Record<KafkaSeries, RegExp>> = { '3.9': /kafkaOrSkip\([^)]*3\.9|KAFKA_SERIES/, '4.x': /\bkafkaOrSkip\(/ };

/** Starts one broker of each series that the files ask for, so that not every file starts its own; the environment that names them. */
export async function startSharedBrokers(root: string, pattern: string, filter = ''): Promise<{ readonly env: Readonly<Record<string, string>>; close(): Promise<void> }> {
  const texts: string[] = [];
  for await (const file of glob(pattern, { cwd: root })) if (file.includes(filter)) texts.push(await readFile(join(root, file), 'utf8'));
  if (process.env['VTO_TEST_KAFKA'] !== undefined) return { env: {}, close: async () => undefined };
  const wanted = (['3.9', '4.x'] as const).filter((series) => process.env[SHARED[series]] === undefined && texts.some((text) => WANTS[series].test(text)));
  const started = await Promise.all(wanted.map(async (series) => ({ series, kafka: await ownKafkaOrSkip({ version: series }) })));
  return {
    env: Object.fromEntries(started.flatMap(({ series, kafka }) => (kafka === undefined ? [] : [[SHARED[series], kafka.brokers.join(',')]]))),
    async close() { for (const { kafka } of started) await kafka?.close(); },
  };
}
