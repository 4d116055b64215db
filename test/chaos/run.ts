// `npm run chaos [-- --short] [--minutes N] [--seed N] [--cluster | --machine] [--only FAULT]`: strikes a running platform and judges it from outside,
// one machine first, then a cluster on Apache Kafka. The last line is the verdict.
import { parseArgs } from 'node:util';
import { runChaos } from '../support/chaos.ts';
import { runClusterChaos } from '../support/cluster/cluster-chaos.ts';
import { whyNoKafka } from '../support/kafka/start-kafka.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' }, seed: { type: 'string' }, short: { type: 'boolean', default: false }, only: { type: 'string' },
    cluster: { type: 'boolean', default: false }, machine: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const minutes = Number(values.minutes ?? (values.short ? 1 : 10));
const why = whyNoKafka();
if (!values.cluster) await runChaos({ seed, durationMs: minutes * 60_000 });
if (!values.machine && why === undefined) await runClusterChaos({ seed, isShort: values.short, randomKills: values.only !== undefined ? 0 : values.short ? 3 : Math.round(minutes * 4), only: values.only });
if (!values.machine && why !== undefined) console.log(`SKIP: the cluster: no Kafka: ${why}`);
console.log(`passed: seed ${seed}${values.cluster ? '' : ', one machine'}${values.machine || why !== undefined ? '' : ', cluster'}`);
