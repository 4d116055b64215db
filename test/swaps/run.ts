// `npm run swaps [-- --count N] [--kafka | --machine]`: changes the model of a running platform again and again, and judges it from outside;
// one machine first, then a cluster on Apache Kafka.
import { parseArgs } from 'node:util';
import { runClusterSwaps } from '../support/cluster/cluster-swaps.ts';
import { whyNoKafka } from '../support/kafka/start-kafka.ts';
import { runSwaps } from '../support/swaps.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '100' }, kafka: { type: 'boolean', default: false }, machine: { type: 'boolean', default: false } } });
const count = Number(values.count);
const why = whyNoKafka();
if (!values.kafka) await runSwaps({ count });
if (!values.machine && why === undefined) await runClusterSwaps({ count });
if (!values.machine && why !== undefined) console.log(`SKIP: the cluster: no Kafka: ${why}`);
console.log(`passed: ${count} swaps${values.kafka ? '' : ', one machine'}${values.machine || why !== undefined ? '' : ', cluster'}`);
