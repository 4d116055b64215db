import { basename } from 'node:path';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import type { Config } from '../utility-ops/config/schema.ts';
import { createLogger } from '../utility-ops/log.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';
import { createRecorder } from '../utility-ops/telemetry/recorder.ts';
import { systemRandom } from '../engine/seeded-random.ts';
import { processStartedAt, systemClock } from '../engine/system-clock.ts';
import { every } from '../engine/timers.ts';
import type { CommittedRecord } from '../data-ops/store.ts';
import { createBackend } from '../../actors/gateway/backend.ts';
import { gatewayActor } from '../../actors/gateway/gateway.ts';
import { Orchestrator } from '../../actors/root/orchestrator.ts';
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
  const root = new Orchestrator({
    config, clock: systemClock, random: systemRandom, log: screen.log, telemetry,
    onLine: (name, line) => screen.childLine(name, line), onRecords: records => first.take(records),
  });
  const stopped = untilSignalled();
  screen.say(`VisuTility Orchestrator ${packageVersion()}: ${config.cameras.length} camera${config.cameras.length === 1 ? '' : 's'}, model ${basename(config.modelOps.model)}, data in ${config.data}; Ctrl-C stops`);
  await root.start();
  const backend = createBackend(root, { ownMetrics: () => telemetry.snapshot(), sleep: (ms, signal) => systemClock.sleep(ms, signal) });
  const gateway = root.system.supervise(gatewayActor({
    backend, config: config.serving, topicPrefix: config.kafka.topicPrefix, clock: systemClock, log: screen.log, onListening: ({ url }) => screen.say(`API ${url}/api/v1/cameras`),
  }), POLICIES.worker);
  const tableFromMs = systemClock.monotonicMs() + TABLE_LATEST_MS;
  void every(TABLE_EVERY_MS, systemClock, root.signal, () => {
    if (first.isSaid || systemClock.monotonicMs() > tableFromMs) screen.table(root);
  });
  const failed = gateway.exit.then(exit => { if (exit.reason === 'escalated') throw exit.error; return new Promise<never>(() => {}); });
  try {
    await Promise.race([stopped, failed]);
  } finally {
    screen.say('stopping …');
    await gateway.stop();
    const balances = await root.stop();
    screen.say(formatLedger(balances));
  }
  return 0;
}

function withDemo(config: Config): Config {
  if (config.cameras.length > 0) return config;
  return { ...config, cameras: DEMO_CAMERAS.map(camera => ({ ...camera, isDetecting: true, isLooping: false })) };
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
  table(root: Orchestrator): void;
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
    table: root => table.update('', root.board.tallies()),
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
