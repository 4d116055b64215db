import { test } from 'uvu';
import { runClusterChaos } from '../support/cluster/cluster-chaos.ts';
import { whyNoKafka } from '../support/kafka/start-kafka.ts';

const why = whyNoKafka();
if (why !== undefined) console.log(`SKIP: faults of a cluster: no Kafka: ${why}`);
else test('the ledger of a cluster survives its faults', () => runClusterChaos({ seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32)), isShort: true, randomKills: 2 }));

test.run();
