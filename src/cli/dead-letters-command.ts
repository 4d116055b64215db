import { PlatformError } from '../engine/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import { listDeadLetters, retryDeadLetters, type DeadLettersOptions } from '../data-ops/dead-letters.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import type { Invocation } from './arguments.ts';
import { formatLetters, lettersNdjson } from './dead-letters-text.ts';
import { openCluster } from './open-cluster.ts';

type DeadLettersInvocation = Extract<Invocation, { command: 'dead-letters' }>;

/** `vto dead-letters`: what a cluster could not process, and another try. Exit code 1 when a letter that was asked for was not retried. */
export async function deadLettersCommand({ configFiles, flags, action }: DeadLettersInvocation, cwd: string): Promise<number> {
  const config = loadConfig({ files: configFiles, environment: process.env, flags, cwd });
  const cluster = await openCluster(config, ['dead-letters']);
  try {
    const options: DeadLettersOptions = { node: cluster.node, codec: cluster.codecs.deadLetters, prefix: config.kafka.topicPrefix, clock: systemClock, signal: new AbortController().signal };
    if (action.type === 'list') {
      const list = await listDeadLetters(options, action.max);
      process.stdout.write(action.format === 'ndjson' ? lettersNdjson(list.entries) : `${formatLetters(list)}\n`);
      return 0;
    }
    return await retry(options, action);
  } finally {
    await cluster.close();
  }
}

async function retry(options: DeadLettersOptions, { wanted, isForced }: Extract<DeadLettersInvocation['action'], { type: 'retry' }>): Promise<number> {
  try {
    const { retried, refused } = await retryDeadLetters(options, wanted, isForced);
    for (const { letter, partition, offset } of retried) process.stdout.write(`retried ${partition}/${offset}: written to ${letter.topic} ${letter.partition} again\n`);
    for (const { place, why } of refused) process.stdout.write(`left ${place.partition}/${place.offset}: ${why}\n`);
    process.stdout.write(`${retried.length} retried, ${refused.length} left\n`);
    return wanted !== 'all' && retried.length === 0 ? 1 : 0;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'KAFKA_FENCED') throw new PlatformError('KAFKA_FENCED', 'another vto dead-letters retry began meanwhile and goes on', {}, error);
    throw error;
  }
}
