import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { VtoRun, until, type CameraStatus } from '../vto-run.ts';

/** How a cluster is run. */
export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  /** Each node's data lies in a folder of its own below it. */
  readonly folder: string;
  /** Partitions of every topic. */
  readonly partitions: number;
  /** Settings of every node, as environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of every node. */
  readonly args?: readonly string[];
}

/** A camera as it is asked for by API. */
export interface WantedCamera { readonly id: string; readonly uri: string }

const START_LIMIT_MS = 120_000;

/** Nodes of a cluster on this machine: each is what `vto start --roles …` starts, with a data folder, processes and an API of its own. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly #nodes = new Map<string, { readonly roles: string; run: VtoRun }>();

  constructor(options: ClusterOptions) {
    this.options = options;
  }

  get names(): readonly string[] { return [...this.#nodes.keys()]; }

  /** A node that was started and not forgotten. */
  node(name: string): VtoRun {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found.run;
  }

  /** The node that serves everything. */
  get gateway(): VtoRun { return this.node('gateway'); }

  /** Starts a node, or starts it again over its data; resolves when its API listens. */
  async start(name: string, roles: string, ownEnv: Readonly<Record<string, string>> = {}): Promise<VtoRun> {
    const { brokers, topicPrefix, folder, partitions, env, args } = this.options;
    const data = join(folder, name);
    mkdirSync(data, { recursive: true });
    const run = await VtoRun.start({
      data, cameras: {}, args: ['--roles', roles, ...brokers.flatMap((broker) => ['--kafka', broker]), ...args ?? []],
      env: { VTO__KAFKA__TOPIC_PREFIX: topicPrefix, VTO__KAFKA__PARTITIONS: String(partitions), ...env, ...ownEnv },
    });
    this.#nodes.set(name, { roles, run });
    return run;
  }

  /** Starts a node again that was killed or stopped, over its data. */
  restart(name: string, ownEnv: Readonly<Record<string, string>> = {}): Promise<VtoRun> {
    return this.start(name, this.#nodes.get(name)?.roles ?? '', ownEnv);
  }

  /** Asks the gateway for a camera. */
  async addCamera({ id, uri }: WantedCamera): Promise<void> {
    const response = await fetch(`${this.gateway.url}/api/v1/cameras`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id, uri }) });
    if (!response.ok) throw new Error(`camera ${id} was refused: ${response.status} ${await response.text()}`);
  }

  /** Every node answers that it is ready. */
  async ready(limitMs = START_LIMIT_MS): Promise<void> {
    for (const name of this.names) {
      await until(async () => (await fetch(`${this.node(name).url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined))?.ok, `${name} is ready`, limitMs);
    }
  }

  cameras(): Promise<readonly CameraStatus[]> { return this.gateway.cameras(); }

  /** SIGKILL to every process of a node at once: the machine is lost. */
  async lose(name: string): Promise<void> {
    const run = this.node(name);
    run.killAll();
    await run.gone();
  }

  /** SIGKILL to one process of a node; the moment in wall microseconds. */
  kill(name: string, process: string): number { return this.node(name).kill(process); }

  /** SIGSTOP or SIGCONT to every process of a node. */
  freeze(name: string, isFrozen: boolean): void {
    process.kill(-this.node(name).launcherPid, isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Ends a node in order. */
  async stop(name: string): Promise<void> {
    const run = this.node(name);
    if (run.processes().length > 0) await run.stop();
  }

  /** Ends every node in order, those that serve last, so that what the others finish is still seen. */
  async stopAll(): Promise<void> {
    const late = ['gateway'];
    for (const name of [...this.names.filter((name) => !late.includes(name)).toReversed(), ...late.filter((name) => this.#nodes.has(name))]) await this.stop(name);
  }

  /** Last resort: nothing of it is left. */
  killAll(): void {
    for (const { run } of this.#nodes.values()) run.killAll();
  }
}
