import type { Isolation } from '../kafka-types.ts';
import type { Broker } from './kafkajs-internals.ts';

/** Which end of partitions of one topic. */
export interface EdgeOrder { readonly topic: string; readonly partitions: readonly number[]; readonly edge: 'earliest' | 'latest'; readonly isolation: Isolation }

/** First or next offset of partitions a broker leads; of others there is none. */
export async function listOffsets(broker: Broker, { topic, partitions, edge, isolation }: EdgeOrder): Promise<Map<number, number>> {
  const timestamp = edge === 'earliest' ? -2 : -1;
  const { responses } = await broker.ask('ListOffsets', {
    replicaId: -1, isolationLevel: isolation === 'committed' ? 1 : 0, topics: [{ topic, partitions: partitions.map(partition => ({ partition, timestamp })) }],
  }) as { responses: readonly { readonly partitions: readonly { readonly partition: number; readonly errorCode: number; readonly offset: string }[] }[] };
  return new Map(responses.flatMap(response => response.partitions).filter(({ errorCode }) => errorCode === 0).map(({ partition, offset }) => [partition, Number(offset)]));
}
