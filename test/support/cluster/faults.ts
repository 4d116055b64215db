import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { until, wallMicros, type VtoRun } from '../vto-run.ts';
import { SESSION_MS, type ChaosSite } from './chaos-site.ts';

/** What a fault came to. */
export interface Strike {
  readonly name: string;
  readonly at: number;
  /** Until new frames of all cameras were detected and with their client again. */
  readonly backMs: number;
  /** What it should take at most; absent: not stated. */
  readonly targetMs?: number;
  /** Cameras whose frames it may cost; the others must have no gap from it. */
  readonly mayCost: 'none' | 'three' | 'all';
  readonly endedAt: number;
}

/** A fault as it is done to a running cluster. */
export interface Fault {
  readonly name: string;
  readonly mayCost: Strike['mayCost'];
  readonly targetMs?: number;
  /** Resolves with the moment from which the way back is measured, in wall microseconds. */
  readonly strike: (site: ChaosSite) => Promise<number>;
  /** Brings back what was taken, when new frames are detected again. */
  readonly mend?: (site: ChaosSite) => Promise<void>;
}

function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Waits until three cameras run on a node; when they began to move there. */
async function threeMoved(run: VtoRun): Promise<number> {
  const at = wallMicros();
  await until(() => [...run.output.matchAll(/"state":"live"/g)].length >= 3, 'three cameras have moved', 90_000);
  return at;
}

const VISION_CHILD: Fault = {
  name: 'kill -9 a vision child', mayCost: 'none', targetMs: 2000,
  strike: async ({ cluster }) => cluster.kill('detector-1', 'vision-0'),
};

const ADD_CAMERA_NODE: Fault = {
  name: 'add a camera node', mayCost: 'three',
  async strike({ cluster }) {
    const run = await cluster.start('camera-2', 'camera,recorder');
    return threeMoved(run);
  },
};

const LOSE_DETECTOR: Fault = {
  name: 'kill -9 a whole detector node', mayCost: 'none', targetMs: SESSION_MS + 2000,
  async strike({ cluster }) {
    const at = wallMicros();
    await cluster.lose('detector-1');
    return at;
  },
  mend: async ({ cluster }) => void await cluster.restart('detector-1'),
};

const LESS_DETECTORS: Fault = {
  name: 'remove a detector replica in order', mayCost: 'none', targetMs: 2000,
  async strike({ cluster }) {
    const at = wallMicros();
    await cluster.stop('detector-2');
    return at;
  },
};

const MORE_DETECTORS: Fault = {
  name: 'add a detector replica', mayCost: 'none', targetMs: 2000,
  async strike({ cluster }) {
    await cluster.restart('detector-2');
    return wallMicros();
  },
};

const RESTART_BROKER: Fault = {
  name: 'restart the broker', mayCost: 'none',
  async strike({ kafka }) {
    await kafka.stop();
    await sleep(3000);
    await kafka.restart();
    return wallMicros();
  },
};

const KILL_BROKER: Fault = {
  name: 'kill -9 the broker and start it again', mayCost: 'none',
  async strike({ kafka }) {
    await kafka.kill();
    await kafka.restart();
    return wallMicros();
  },
};

const ZOMBIE: Fault = {
  name: 'SIGSTOP a detector past its session, then wake it', mayCost: 'none', targetMs: SESSION_MS + 2000,
  async strike({ cluster }) {
    const at = wallMicros();
    cluster.freeze('detector-1', true);
    return at;
  },
  async mend({ cluster }) {
    await sleep(2000);
    cluster.freeze('detector-1', false);
    await sleep(5000); // what the zombie wanted to write is tried now
  },
};

const LOSE_CAMERA_NODE: Fault = {
  name: 'kill -9 a whole camera node', mayCost: 'three',
  async strike({ cluster }) {
    const at = wallMicros();
    await cluster.lose('camera-1');
    return at;
  },
};

const CAMERA_NODE_BACK: Fault = { name: 'start the lost camera node again', mayCost: 'three', strike: async ({ cluster }) => threeMoved(await cluster.restart('camera-1')) };

const LOSE_GATEWAY: Fault = {
  name: 'kill -9 the gateway node', mayCost: 'none',
  async strike(site) {
    await site.cluster.lose('gateway');
    await site.cluster.restart('gateway');
    site.moveClients();
    return wallMicros();
  },
};

const STALL_CONSUMER: Fault = {
  name: 'stall a consumer for 30 s', mayCost: 'none',
  async strike({ cluster }) {
    const pid = cluster.node('detector-2').pid('vision-0');
    if (pid === undefined) throw new Error('detector-2 has no vision child');
    process.kill(pid, 'SIGSTOP');
    await sleep(30_000);
    try { process.kill(pid, 'SIGCONT'); } catch { /* it was replaced meanwhile, which is right */ }
    return wallMicros();
  },
};

const FULL_ARCHIVE: Fault = {
  name: 'fill the archive of a camera node', mayCost: 'all',
  async strike({ cluster }) {
    await cluster.stop('camera-1');
    await cluster.restart('camera-1', { VTO__RECORDING__MAX_BYTES: '2MB', VTO__RECORDING__CHUNK_SECONDS: '2' });
    await sleep(15_000);
    const sizeBytes = folderBytes(join(cluster.node('camera-1').data, 'archive'));
    if (sizeBytes < 1e6 || sizeBytes > 4e6) throw new Error(`the archive holds ${sizeBytes} bytes instead of about 2 MB`);
    return wallMicros();
  },
};

const kill = (node: string, process: string, mayCost: Fault['mayCost']): Fault => ({
  name: `kill -9 ${process} of ${node}`, mayCost, strike: async ({ cluster }) => cluster.kill(node, process),
});

/** Processes that die at random, each alone. */
export const SINGLE_KILLS: readonly Fault[] = [
  kill('detector-1', 'vision-0', 'none'), kill('detector-2', 'vision-0', 'none'), kill('detector-1', 'host', 'none'), kill('detector-2', 'host', 'none'),
  kill('camera-1', 'ingest-0', 'all'), kill('camera-2', 'ingest-0', 'all'), kill('camera-1', 'store', 'none'), kill('gateway', 'index', 'none'),
];

/** What the short form does: two minutes of it. */
export const SHORT: readonly Fault[] = [VISION_CHILD, ADD_CAMERA_NODE, LOSE_DETECTOR, RESTART_BROKER, ZOMBIE, LOSE_CAMERA_NODE, CAMERA_NODE_BACK];

/** Everything, in an order in which each finds what it needs. */
export const ALL: readonly Fault[] = [
  VISION_CHILD, LESS_DETECTORS, MORE_DETECTORS, ADD_CAMERA_NODE, LOSE_DETECTOR, RESTART_BROKER, KILL_BROKER, ZOMBIE, LOSE_CAMERA_NODE, CAMERA_NODE_BACK, LOSE_GATEWAY, STALL_CONSUMER, FULL_ARCHIVE, ...SINGLE_KILLS,
];
