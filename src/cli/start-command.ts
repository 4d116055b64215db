import { basename } from 'node:path';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import { planNode } from '../utility-ops/config/node-roles.ts';
import { CONFIG_SCHEMA, type Config } from '../utility-ops/config/schema.ts';
import { createLogger } from '../utility-ops/log.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';
import { createRecorder, type Recorder } from '../utility-ops/telemetry/recorder.ts';
import { systemRandom } from '../engine/seeded-random.ts';
import { processStartedAt, systemClock } from '../engine/system-clock.ts';
import { every } from '../engine/timers.ts';
import type { CommittedRecord } from '../data-ops/store.ts';
import { createBackend } from '../../actors/gateway/backend.ts';
import { gatewayActor } from '../../actors/gateway/gateway.ts';
import { ClusterNode } from '../../actors/root/cluster-node.ts';
import { Orchestrator, type OrchestratorOptions } from '../../actors/root/orchestrator.ts';
import { machinePlatform, type Platform } from '../../actors/root/platform.ts';
import { POLICIES } from '../../actors/tree.ts';
import type { Invocation } from './arguments.ts';
import { ChildOutput } from './child-output.ts';
import { readLabels } from './labels.ts';
import { formatLedger } from './ledger-text.ts';
import { LiveTable } from './live-table.ts';
import { packageVersion } from './version.ts';

type StartInvocation = Extract<Invocation, { command: 'start' }>;

/** What runs when nobody names a camera: two scenes whose truth is known. */
const DEMO_CAMERAS = [
  { id: 'street', uri: 'synthetic://street?size=640x360&fps=15' },
  { id: 'yard', uri: 'synthetic://yard?size=640x360&fps=15' },
] as const;

const TABLE_EVERY_MS = 1_000;
/** The table comes below the first detection, or this late without one. */
const TABLE_LATEST_MS = 8_000;

/** `vto start`: runs until it is told to stop, then prints the ledger. */
export async function startCommand(invocation: StartInvocation, cwd: string): Promise<number> {
  const config = withDemo(loadConfig({
    files: invocation.configFiles, environment: process.env, cwd,
    flags: invocation.labelsFile === undefined ? invocation.flags : { ...invocation.flags, modelOps: { ...invocation.flags.modelOps, labels: [...readLabels(invocation.labelsFile)] } },
  }));
  const screen = createScreen(config, invocation.hasTable);
  const telemetry = createRecorder({ process: 'root' });
  const first = new FirstDetection(screen.say);
  const stopped = untilSignalled();
  screen.say(`VisuTility Orchestrator ${packageVersion()}: ${describe(config)}; Ctrl-C stops`);
  const platform = await startPlatform(config, { screen, telemetry, first });
  const backend = createBackend(platform.backend, { ownMetrics: () => telemetry.snapshot(), sleep: (ms, signal) => systemClock.sleep(ms, signal) });
  const gateway = platform.system.supervise(gatewayActor({
    backend, desks: () => platform.backend.desks, random: systemRandom, onLine: (name, line) => screen.childLine(name, line), report: event => { void platform.backend.store.putEvents([event]).catch(() => { /* stopping */ }); },
    config: config.serving, topicPrefix: config.kafka.topicPrefix, whip: config.webrtc, clock: systemClock, telemetry, log: screen.log, onListening: ({ url }) => screen.say(`API ${url}/api/v1/cameras`),
  }), POLICIES.worker);
  const showing = new AbortController();
  const tableFromMs = systemClock.monotonicMs() + TABLE_LATEST_MS;
  void every(TABLE_EVERY_MS, systemClock, showing.signal, () => {
    if (first.isSaid || systemClock.monotonicMs() > tableFromMs) screen.table(platform);
  });
  const failed = gateway.exit.then(exit => { if (exit.reason === 'escalated') throw exit.error; return new Promise<never>(() => {}); });
  try {
    await Promise.race([stopped, failed]);
  } finally {
    screen.say('stopping …');
    showing.abort();
    await gateway.stop();
    const balances = await platform.stop();
    if (planNode(config).hasCameras) screen.say(formatLedger(balances));
  }
  return 0;
}

/** A machine on its own, or a node of a cluster. */
async function startPlatform(config: Config, { screen, telemetry, first }: { readonly screen: Screen; readonly telemetry: Recorder; readonly first: FirstDetection }): Promise<Platform> {
  const options: OrchestratorOptions = {
    config, clock: systemClock, random: systemRandom, log: screen.log, telemetry,
    onLine: (name, line) => screen.childLine(name, line), onRecords: records => first.take(records),
  };
  if (planNode(config).isCluster) return ClusterNode.start(options);
  const root = new Orchestrator(options);
  await root.start();
  return machinePlatform(root);
}

function describe(config: Config): string {
  const { cameras, modelOps, data, kafka, roles } = config;
  const model = `model ${basename(modelOps.model)}`;
  if (kafka.brokers.length === 0) return `${cameras.length} camera${cameras.length === 1 ? '' : 's'}, ${model}, data in ${data}`;
  return `node of a cluster (${roles.length === 0 ? 'all roles' : roles.join(', ')}) at Kafka ${kafka.brokers.join(', ')}, ${model}, data in ${data}`;
}

function withDemo(config: Config): Config {
  if (config.cameras.length > 0 || config.kafka.brokers.length > 0) return config;
  return { ...config, cameras: CONFIG_SCHEMA.shape.cameras.parse(DEMO_CAMERAS) };
}

/** A launcher and a terminal may both hand on one Ctrl-C: only a signal this much later is a second one. */
const SECOND_SIGNAL_MS = 1_000;

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once, and its children with it. */
function untilSignalled(): Promise<void> {
  return new Promise(resolve => {
    let firstAtMs: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        firstAtMs ??= systemClock.monotonicMs();
        if (systemClock.monotonicMs() - firstAtMs > SECOND_SIGNAL_MS) process.exit(130);
        resolve();
      });
    }
  });
}

interface Screen {
  readonly log: ReturnType<typeof createLogger>;
  say(text: string): void;
  childLine(name: string, line: string): void;
  table(platform: Platform): void;
}

/** Standard output for people and results, standard error for the log; the table stays below both on a terminal. */
function createScreen(config: Config, hasTable: boolean): Screen {
  const table = new LiveTable({
    isTerminal: hasTable && process.stdout.isTTY === true, clock: systemClock, write: text => { process.stdout.write(text); },
    size: () => ({ columns: process.stdout.columns ?? 100, rows: process.stdout.rows ?? 40 }),
  });
  const above = (write: () => void): void => { table.clear(); write(); };
  const { logLevel, logFormat } = config.utilityOps;
  const writeLog = (line: string): void => above(() => { process.stderr.write(line); });
  const log = createLogger({ level: logLevel, format: logFormat, isTerminal: process.stderr.isTTY === true, scrub: redactUri, write: writeLog });
  const output = new ChildOutput(log, systemClock);
  return {
    log: log.child({ process: 'root' }),
    say: text => above(() => { process.stdout.write(`${text}\n`); }),
    childLine: (name, line) => output.line(name, line),
    table: platform => { const rows = platform.tallies(); if (rows.length > 0) table.update('', rows); },
  };
}

/** Says once how long it took from the start of the program, the install included, to the first detected object. */
class FirstDetection {
  readonly #say: (text: string) => void;
  isSaid = false;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  take(records: readonly CommittedRecord[]): void {
    if (this.isSaid || !records.some(({ record }) => record.kind === 'detected' && record.boxes.length > 0)) return;
    this.isSaid = true;
    const startedAtMs = Number(process.env['VTO_STARTED_AT_MS'] ?? processStartedAt / 1000);
    const installMs = Number(process.env['VTO_INSTALL_MS'] ?? 0);
    const seconds = (systemClock.now() / 1000 - startedAtMs) / 1000;
    this.#say(`first detection after ${seconds.toFixed(1)} s${installMs > 0 ? ` (${(installMs / 1000).toFixed(1)} s of it npm ci)` : ''}`);
  }
}
