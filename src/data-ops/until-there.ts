import type { ActorContext } from '../engine/actor.ts';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { KafkaNode } from '../transports/kafka-types.ts';

/** A topic that somebody wants to read. */
export interface AwaitedTopic {
  readonly node: Pick<KafkaNode, 'bounds'>;
  readonly topic: string;
  readonly clock: Clock;
}

const RETRY_MS = 500;

/** Begin and end of a topic's partitions, once brokers and topic are there; rejects with any other error than their absence, and with the signal's reason. */
export async function untilThere({ node, topic, clock }: AwaitedTopic, ctx: Pick<ActorContext, 'signal' | 'status'>): ReturnType<KafkaNode['bounds']> {
  for (;;) {
    try {
      return await node.bounds(topic);
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'KAFKA_UNAVAILABLE') throw error;
      ctx.status(`waiting: ${error.message}`);
      await clock.sleep(RETRY_MS, ctx.signal);
    }
  }
}
