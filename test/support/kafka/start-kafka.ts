import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerNode } from './broker-node.ts';
import type { NodePorts } from './broker-settings.ts';
import { RELEASES, type KafkaSeries } from './broker-versions.ts';
import { DockerNode, whyNoDocker } from './docker-node.ts';
import { fetchJars, whyNoJars } from './jars.ts';
import { JarNode } from './jar-node.ts';
import { aliveBrokers } from './metadata.ts';

/** What to start. */
export interface KafkaOptions {
  /** @default '4.x' */
  readonly version?: KafkaSeries;
  /** Three: every topic on all of them, two must have a record before it is acknowledged. @default 1 */
  readonly nodes?: 1 | 3;
  /** Of the first broker. @default a free one */
  readonly port?: number;
}

/** A running Apache Kafka. Nodes are counted from 0. */
export interface Kafka {
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  /** Release, such as `4.4.0`. */
  readonly version: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(node?: number): Promise<void>;
  /** Ends a broker in order; resolves when the process is gone. */
  stop(node?: number): Promise<void>;
  /** Starts a node that was ended, over its storage; resolves when the cluster lists it again. */
  restart(node?: number): Promise<void>;
  /** Stops a broker from running (SIGSTOP), or lets it go on. */
  pause(node: number, isPaused: boolean): void;
  /** What a node wrote. */
  output(node?: number): string;
  /** Ends all of it and removes its storage. */
  close(): Promise<void>;
}

/** Four times what a start takes on two busy cores. */
const START_LIMIT_MS = 90_000;
/** Another process may take a port between the look and the use. */
const TRIES = 3;

/** Why no broker can be started here; undefined when one can. */
export function whyNoKafka(series: KafkaSeries = '4.x'): string | undefined {
  const why = whyNoJars(series);
  return why === undefined || whyNoDocker() === undefined ? undefined : `${why}, ${whyNoDocker() ?? ''}`;
}

/** Starts Apache Kafka under this machine's Java, else in containers, and resolves when every broker is listed as alive. It ends with this process. */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  for (let tried = 1; ; tried++) {
    const folder = mkdtempSync(join(tmpdir(), 'visutility-kafka-'));
    const nodes = await makeNodes(options, folder);
    try {
      await Promise.all(nodes.map((node) => node.format()));
      await Promise.all(nodes.map((node) => node.start()));
      await ready(nodes, nodes.length);
      return running(nodes, folder, RELEASES[options.version ?? '4.x'].version);
    } catch (error) {
      await Promise.all(nodes.map((node) => node.end('SIGKILL')));
      const output = nodes.map((node) => outputOf(node).slice(-3000)).join('\n');
      rmSync(folder, { recursive: true, force: true });
      if (tried === TRIES || !/Address already in use|port is already allocated/.test(output)) throw new Error(`Kafka did not start:\n${output}`, { cause: error });
    }
  }
}

async function makeNodes({ version = '4.x', nodes = 1, port }: KafkaOptions, folder: string): Promise<readonly BrokerNode[]> {
  const free = await freePorts(nodes * 2);
  const ports: NodePorts[] = Array.from({ length: nodes }, (_, index) => ({ broker: (index === 0 ? port : undefined) ?? free[index * 2]!, controller: free[index * 2 + 1]! }));
  const clusterId = `A${randomBytes(16).toString('base64url').slice(1)}`; // 22 characters; a leading dash would be taken for an option
  const why = whyNoJars(version);
  if (why === undefined) {
    const jars = await fetchJars(version);
    return ports.map((_, index) => new JarNode({ index, ports, jars, folder, clusterId }));
  }
  const whyNot = whyNoDocker();
  if (whyNot !== undefined) throw new Error(`no Kafka ${version}: ${why}, ${whyNot}`);
  return ports.map((_, index) => new DockerNode({ index, ports, series: version, folder, clusterId }));
}

/** Resolves when `count` brokers are alive by what each of the running ones says. */
async function ready(nodes: readonly BrokerNode[], count: number): Promise<void> {
  const end = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (nodes.some((node) => !node.isRunning)) throw new Error('a broker ended while it started');
    const counts = await Promise.all(nodes.map(({ address }) => aliveBrokers(address)));
    if (counts.every((alive) => alive === count)) return;
    if (performance.now() > end) throw new Error(`brokers alive after ${START_LIMIT_MS} ms: ${counts.join(', ')} of ${count}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

function running(nodes: readonly BrokerNode[], folder: string, version: string): Kafka {
  let isClosed = false;
  process.on('exit', (code) => {
    if (isClosed) return;
    for (const node of nodes) void node.end('SIGKILL');
    if (code !== 0) console.log(`broker logs are kept: ${nodes.map(({ log }) => log).join(' ')}`);
    else rmSync(folder, { recursive: true, force: true });
  });
  return {
    brokers: nodes.map(({ address }) => address), version,
    kill: (node = 0) => nodes[node]!.end('SIGKILL'),
    stop: (node = 0) => nodes[node]!.end('SIGTERM'),
    async restart(node = 0) {
      await nodes[node]!.start();
      const alive = nodes.filter(({ isRunning }) => isRunning);
      await ready(alive, alive.length);
    },
    pause: (node, isPaused) => nodes[node]!.pause(isPaused),
    output: (node = 0) => outputOf(nodes[node]!),
    async close() {
      if (isClosed) return;
      isClosed = true;
      for (const node of nodes) if (node.isRunning) node.pause(false);
      await Promise.all(nodes.map((node) => node.end('SIGKILL')));
      if (process.exitCode === undefined || process.exitCode === 0) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function outputOf(node: BrokerNode): string {
  return existsSync(node.log) ? readFileSync(node.log, 'utf8') : '';
}

/** Ports nobody listens on at the moment: all are held at once, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
  return ports;
}
