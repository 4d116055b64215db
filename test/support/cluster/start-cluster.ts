import { Cluster } from './cluster.ts';

/** What to start. */
export interface StartOptions {
  readonly brokers: readonly string[];
  readonly folder: string;
  readonly isSplit: boolean;
  /** Settings of every node, as environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

const PARTITIONS = 4;

/** Starts two camera nodes, two detector nodes (and two featurizer nodes when split) and a gateway; resolves when all of them are ready. */
export async function startCluster({ brokers, folder, isSplit, env = {}, args = [] }: StartOptions): Promise<Cluster> {
  const nodes = {
    'gateway': 'gateway', 'camera-1': 'camera,recorder', 'camera-2': 'camera,recorder', 'detector-1': 'detector', 'detector-2': 'detector',
    ...(isSplit ? { 'featurizer-1': 'featurizer', 'featurizer-2': 'featurizer' } : {}),
  };
  const cluster = new Cluster({
    brokers, folder, args, topicPrefix: `cluster-${Math.random().toString(36).slice(2)}`, partitions: PARTITIONS, env: { ...env, ...(isSplit ? { VTO__VISION__IS_SPLIT: 'true' } : {}) },
  });
  try {
    await Promise.all(Object.entries(nodes).map(([name, roles]) => cluster.start(name, roles)));
    await cluster.ready();
  } catch (error) {
    for (const name of cluster.names) console.log(`--- ${name}\n${cluster.node(name).output.slice(-3000)}`);
    cluster.killAll();
    throw error;
  }
  return cluster;
}
