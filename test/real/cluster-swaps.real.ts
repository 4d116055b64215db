import { test } from 'uvu';
import { runClusterSwaps } from '../support/cluster/cluster-swaps.ts';
import { whyNoKafka } from '../support/kafka/start-kafka.ts';

const why = whyNoKafka();
if (why !== undefined) console.log(`SKIP: swaps of the model in a cluster: no Kafka: ${why}`);
else test('the model of a cluster is changed under load below the consumer group: one record a frame, no rebalance', () => runClusterSwaps({ count: 4 }));

test.run();
