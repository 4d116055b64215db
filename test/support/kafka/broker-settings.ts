/** Where the nodes of a test cluster listen; the index is the node's place, its id is one more. */
export interface NodePorts { readonly broker: number; readonly controller: number }

/** `server.properties` of one node, which is broker and controller (KRaft). */
export function brokerSettings(index: number, nodes: readonly NodePorts[], folder: string): Readonly<Record<string, string | number>> {
  const { broker, controller } = nodes[index]!;
  return {
    'process.roles': 'broker,controller',
    'node.id': index + 1,
    'listeners': `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': nodes.map((node, at) => `${at + 1}@127.0.0.1:${node.controller}`).join(','),
    'log.dirs': folder,
    ...clusterSettings(nodes.length),
    // The cleaner's buffer is 128 MiB by default, a third of the heap that a test gives.
    'log.cleaner.dedupe.buffer.size': 4 << 20,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
  };
}

/** What makes a cluster fit for tests: small internal topics, groups that settle at once, messages as large as ours. */
export function clusterSettings(nodes: number): Readonly<Record<string, string | number>> {
  const [replicas, isr] = nodes >= 3 ? [3, 2] : [1, 1];
  return {
    'num.partitions': 6,
    'default.replication.factor': replicas,
    'min.insync.replicas': isr,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': isr,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': isr,
    // A killed broker comes back only when its old session has ended, after 9 s by default.
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'message.max.bytes': 8 << 20,
    'replica.fetch.max.bytes': 8 << 20,
    'log.segment.bytes': 64 << 20,
    'auto.create.topics.enable': 'false',
  };
}
