import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { RELEASES, type KafkaSeries } from './broker-versions.ts';
import type { BrokerNode } from './broker-node.ts';
import { clusterSettings, type NodePorts } from './broker-settings.ts';

/** Ports inside the network of the containers. */
const [INSIDE_PORT, CONTROLLER_PORT] = [19092, 29093];

/** Why brokers cannot be run in containers here; undefined when they can. */
export function whyNoDocker(): string | undefined {
  const { status } = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no docker engine';
}

/** Where a node of a cluster lives. */
export interface DockerNodeOptions { readonly index: number; readonly ports: readonly NodePorts[]; readonly series: KafkaSeries; readonly folder: string; readonly clusterId: string }

/** A broker in a container of `apache/kafka`. The containers and their network end with this process, however that ends. */
export class DockerNode implements BrokerNode {
  readonly address: string;
  readonly log: string;
  readonly #name: string;
  readonly #run: readonly string[];
  readonly #network: string;
  #watch: ChildProcess | undefined;
  #isRunning = false;

  constructor({ index, ports, series, folder, clusterId }: DockerNodeOptions) {
    const { broker } = ports[index]!;
    const name = (at: number): string => `visutility-${clusterId.replaceAll(/[^A-Za-z0-9]/g, '')}-${at + 1}`;
    this.#network = name(-1);
    this.#name = name(index);
    this.address = `127.0.0.1:${broker}`;
    this.log = join(folder, `node-${index + 1}.log`);
    const settings = {
      'process.roles': 'broker,controller',
      'node.id': index + 1,
      'listeners': `CONTROLLER://:${CONTROLLER_PORT},HOST://:${broker},INSIDE://:${INSIDE_PORT}`,
      'advertised.listeners': `HOST://127.0.0.1:${broker},INSIDE://${this.#name}:${INSIDE_PORT}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,HOST:PLAINTEXT,INSIDE:PLAINTEXT',
      'inter.broker.listener.name': 'INSIDE',
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.voters': ports.map((_, at) => `${at + 1}@${name(at)}:${CONTROLLER_PORT}`).join(','),
      ...clusterSettings(ports.length),
    };
    const environment = { CLUSTER_ID: clusterId, KAFKA_HEAP_OPTS: '-Xms128m -Xmx384m', ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [`KAFKA_${key.toUpperCase().replaceAll('.', '_')}`, value])) };
    this.#run = [
      'run', '--detach', '--name', this.#name, '--network', this.#network, '--publish', `127.0.0.1:${broker}:${broker}`,
      ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]), `apache/kafka:${RELEASES[series].version}`,
    ];
  }

  get isRunning(): boolean { return this.#isRunning; }

  /** The image formats its storage by itself; the network is made by whoever comes first. */
  async format(): Promise<void> {
    await docker(['network', 'create', this.#network]).catch(() => undefined);
  }

  async start(): Promise<void> {
    await docker(this.#watch === undefined ? this.#run : ['start', this.#name]);
    this.#isRunning = true;
    this.#watch ??= spawn('sh', ['-c', 'read -r _; docker rm --force --volumes "$0"; docker network rm "$1"', this.#name, this.#network], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#watch.unref();
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.#isRunning) return;
    await docker(signal === 'SIGKILL' ? ['kill', this.#name] : ['stop', '--time', '30', this.#name]);
    this.#isRunning = false;
    const log = openSync(this.log, 'w');
    spawnSync('docker', ['logs', this.#name], { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  pause(isPaused: boolean): void {
    spawnSync('docker', [isPaused ? 'pause' : 'unpause', this.#name], { stdio: 'ignore' });
  }
}

async function docker(args: readonly string[]): Promise<void> {
  const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => { errors += bytes.toString(); });
  const code = await new Promise((resolve, reject) => { child.on('close', resolve); child.on('error', reject); });
  if (code !== 0) throw new Error(`docker ${args[0]} ended with ${String(code)}: ${errors}`);
}
