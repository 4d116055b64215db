import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brokerSettings, type NodePorts } from './broker-settings.ts';
import type { BrokerNode } from './broker-node.ts';

const WATCHED_JAVA = fileURLToPath(new URL('watched-java.sh', import.meta.url));
/** The broker starts sooner without the second compiler, and tests are over before that pays. */
const JAVA_OPTIONS = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

const LOG4J = `log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
`;
const LOG4J2 = `rootLogger.level=WARN
rootLogger.appenderRefs=stdout
rootLogger.appenderRef.stdout.ref=STDOUT
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
`;

/** Where a node of a cluster lives. */
export interface JarNodeOptions {
  readonly index: number;
  readonly ports: readonly NodePorts[];
  readonly jars: string;
  /** Of the whole cluster. */
  readonly folder: string;
  readonly clusterId: string;
}

/** A broker under the Java of this machine. It ends with this process, however that ends. */
export class JarNode implements BrokerNode {
  readonly address: string;
  readonly log: string;
  readonly #settings: string;
  readonly #data: string;
  readonly #java: readonly string[];
  readonly #clusterId: string;
  #child: ChildProcess | undefined;
  #pid: number | undefined;

  constructor({ index, ports, jars, folder, clusterId }: JarNodeOptions) {
    const own = join(folder, `node-${index + 1}`);
    this.#data = join(own, 'data');
    mkdirSync(own, { recursive: true });
    this.#settings = join(own, 'server.properties');
    this.log = join(folder, `node-${index + 1}.log`);
    this.address = `127.0.0.1:${ports[index]!.broker}`;
    this.#clusterId = clusterId;
    writeFileSync(this.#settings, Object.entries(brokerSettings(index, ports, this.#data)).map(([key, value]) => `${key}=${value}\n`).join(''));
    writeFileSync(join(folder, 'log4j.properties'), LOG4J);
    writeFileSync(join(folder, 'log4j2.properties'), LOG4J2);
    this.#java = [`-Dlog4j.configuration=file:${join(folder, 'log4j.properties')}`, `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`, '-cp', join(jars, '*')];
  }

  get pid(): number | undefined { return this.#pid; }

  async format(): Promise<void> {
    const child = this.#run([...this.#java, 'kafka.tools.StorageTool', 'format', '-t', this.#clusterId, '-c', this.#settings]);
    await once(child, 'close');
  }

  async start(): Promise<void> {
    const child = this.#run([...JAVA_OPTIONS, ...this.#java, 'kafka.Kafka', this.#settings]);
    this.#child = child;
    child.once('close', () => { if (this.#child === child) { this.#child = undefined; this.#pid = undefined; } });
    const [line] = await once(child.stdout!, 'data') as [Buffer];
    this.#pid = Number(line.toString());
    child.stdout!.destroy();
    child.unref(); // a test file that is done may end: the broker then ends too
    (child.stdin as Socket).unref();
  }

  get isRunning(): boolean { return this.#child !== undefined; }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.#pid === undefined) return;
    child.ref();
    const closed = once(child, 'close');
    process.kill(this.#pid, signal);
    await closed;
  }

  pause(isPaused: boolean): void {
    if (this.#pid !== undefined) process.kill(this.#pid, isPaused ? 'SIGSTOP' : 'SIGCONT');
  }

  #run(args: readonly string[]): ChildProcess {
    // A session of its own: an interrupt from the terminal reaches the tests first, which then end the broker in order.
    return spawn('sh', [WATCHED_JAVA, this.log, this.#data, ...args], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  }
}
