import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { blackHole } from './black-hole.ts';
import { describe, judge } from './ledger-oracle.ts';
import { medianSizes, sizesOf, type ProcessSizes } from './process-sizes.ts';
import { spawnRtspServer, type RtspServerProcess } from './rtsp-server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until, VtoRun, wallMicros } from './vto-run.ts';

const CLIP = { fps: 10, gop: 5, frames: 50, width: 160, height: 96 } as const;
const FRAME_MS = 1000 / CLIP.fps;
const STALL_MS = 500;
const COLLECTING = `--expose-gc --import=${new URL('collect-garbage.ts', import.meta.url).href}`;
/** What the store's cache may take (`cache_size`), which fills as there is more to keep. */
const SQLITE_CACHE_BYTES = 16e6;
/** Looks at the processes, spread over the reconnects. */
const SAMPLES = 12;

/** Starts with cameras that are recorded only. */
async function startWith(cameras: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): Promise<VtoRun> {
  const data = temporaryFolder();
  const file = join(data, 'cameras.toml');
  writeFileSync(file, Object.entries(cameras).map(([id, uri]) => `[[cameras]]\nid = "${id}"\nuri = "${uri}"\nisDetecting = false\n`).join('\n'));
  return VtoRun.start({ data, cameras: {}, args: ['--config', file], env });
}

/** What is compared of a process: first after the warm-up, then at the end. */
interface Growth { readonly name: string; readonly before: ProcessSizes; readonly after: ProcessSizes }

/** How many, over how many cameras, and how much memory may grow; descriptors and threads never may by more than 5 %. */
export interface ReconnectOptions { readonly reconnects: number; readonly cameras: number; readonly growthMax: number }

/**
 * Breaks connections of recorded cameras again and again, and lets every tenth hang instead or find a closed door for a while: memory,
 * descriptors and threads must be in the last third what they are in the first, and the ledger must be true of every camera.
 */
export async function soakReconnects({ reconnects, cameras, growthMax }: ReconnectOptions): Promise<void> {
  const server = await spawnRtspServer();
  const ids = Array.from({ length: cameras }, (_, index) => `cam-${index}`);
  const uris: Record<string, string> = {};
  for (const id of ids) uris[id] = await server.add(id, CLIP);
  const run = await startWith(uris, { VTO__INGRESS__STALL_MS: String(STALL_MS), VTO__INGRESS__RECONNECT_BACKOFF_MS: '20', VTO__INGRESS__RECONNECT_BACKOFF_MAX_MS: '50', NODE_OPTIONS: COLLECTING });
  try {
    await run.live(ids, 60_000);
    const samples = new Map(['root', 'store', 'ingest-0'].map((name) => [name, [] as ProcessSizes[]]));
    const rounds = Math.ceil(reconnects / cameras);
    const startMs = performance.now();
    for (let round = 0; round < rounds; round++) {
      await Promise.all(ids.map((id, index) => breakOnce(server, id, round * (cameras + 1) + index)));
      if ((round + 1) % Math.max(1, Math.floor(rounds / SAMPLES)) === 0) await Promise.all([...samples].map(async ([name, list]) => list.push(await sizesAtRest(run, name))));
    }
    console.log(`  ${rounds * cameras} reconnects of ${cameras} cameras in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
    for (const [name, list] of samples) console.log(`  ${name}, MiB: ${list.map(({ rssBytes }) => (rssBytes / 2 ** 20).toFixed(0)).join(' ')}`);
    for (const [name, list] of samples) {
      const third = Math.floor(list.length / 3);
      assertFlat({ name, before: medianSizes(list.slice(0, third)), after: medianSizes(list.slice(-third)) }, { growthMax, cacheBytes: name === 'store' ? SQLITE_CACHE_BYTES : 0 });
    }
    await fallSilent(run, server, ids);
    await judgeAll({ run, server, ids, mayLose: true });
  } finally {
    run.killAll();
    await server.close();
  }
}

/** The least that a process holds within a second and a half: what is being opened or closed is left out. */
async function sizesAtRest(run: VtoRun, name: string): Promise<ProcessSizes> {
  let least: ProcessSizes | undefined;
  for (let look = 0; look < 15; look++) {
    const now = sizesOf(run.pid(name) ?? 0);
    if (now === undefined) throw new Error(`${name} does not run`);
    least = least === undefined ? now : {
      rssBytes: Math.min(least.rssBytes, now.rssBytes), descriptors: Math.min(least.descriptors, now.descriptors), threads: Math.min(least.threads, now.threads),
    };
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return least ?? { rssBytes: 0, descriptors: 0, threads: 0 };
}

/** Breaks the connection of a camera and waits until frames come again. */
async function breakOnce(server: RtspServerProcess, id: string, number: number): Promise<void> {
  const kind = number % 10 === 4 ? 'stall' : number % 10 === 9 ? 'refuse' : 'close';
  const { plays } = await server.state(id);
  if (kind !== 'close') await server.fault(id, { kind });
  if (kind !== 'stall') await server.fault(id, { kind: 'close' });
  if (kind === 'refuse') await until(async () => (await server.state(id)).playing === 0, `${id} was let go`);
  if (kind === 'stall') await until(async () => (await server.state(id)).plays > plays, `${id} was given up`);
  if (kind !== 'close') await server.clear(id);
  const { sent } = await server.state(id);
  await until(async () => {
    const state = await server.state(id);
    return state.plays > plays && state.sent >= sent + 2;
  }, `${id} is read again`, 60_000);
}

function assertFlat({ name, before, after }: Growth, { growthMax, cacheBytes }: { readonly growthMax: number; readonly cacheBytes: number }): void {
  const text = (sizes: ProcessSizes): string => `${(sizes.rssBytes / 2 ** 20).toFixed(1)} MiB, ${sizes.descriptors} descriptors, ${sizes.threads} threads`;
  console.log(`  ${name}: ${text(before)} → ${text(after)} (${((after.rssBytes / before.rssBytes - 1) * 100).toFixed(1)} %)`);
  assert.ok(after.rssBytes <= before.rssBytes * (1 + growthMax) + cacheBytes, `${name}: memory grew from ${text(before)} to ${text(after)}`);
  assert.ok(after.descriptors <= before.descriptors * 1.05, `${name}: descriptors grew from ${text(before)} to ${text(after)}`);
  assert.ok(after.threads <= before.threads * 1.05, `${name}: threads grew from ${text(before)} to ${text(after)}`);
}

/** Lets the cameras give some more frames and then no more, and waits until that is noticed: by then everything that they sent was read. */
async function fallSilent(run: VtoRun, server: RtspServerProcess, ids: readonly string[]): Promise<void> {
  const received = async (): Promise<ReadonlyMap<string, number>> => new Map((await run.cameras()).map((camera) => [camera.id, camera.counts.received]));
  const before = await received();
  await until(async () => {
    const now = await received();
    return ids.every((id) => (now.get(id) ?? 0) >= (before.get(id) ?? 0) + 5);
  }, 'every camera gives frames', 60_000);
  for (const id of ids) await server.fault(id, { kind: 'stall' });
  await until(async () => {
    const cameras = await run.cameras();
    return cameras.length > 0 && cameras.every(({ state }) => state !== 'live');
  }, 'every camera is found silent', 60_000);
}

/** Stops, and compares what each camera sent with what was recorded. */
async function judgeAll({ run, server, ids, mayLose }: { readonly run: VtoRun; readonly server: RtspServerProcess; readonly ids: readonly string[]; readonly mayLose: boolean }): Promise<void> {
  const stoppedAtMicros = wallMicros();
  const { ms } = await run.stop();
  let [sent, received, lost, gaps] = [0, 0, 0, 0];
  for (const id of ids) {
    const verdict = await judge({ data: run.data, camera: id, sent: await server.sent(id), stoppedAtMicros, frameMs: FRAME_MS, isAtRest: true });
    if (verdict.problems.length > 0 || (!mayLose && verdict.losses.length > 0)) throw new Error(`${describe(id, verdict)}\n${verdict.problems.slice(0, 5).join('\n')}`);
    sent += verdict.sent;
    received += verdict.received;
    lost += verdict.lost;
    gaps += verdict.losses.length;
  }
  console.log(`  ${ids.length} cameras: sent ${sent} = received ${received} + in ${gaps} gaps ${lost} + tail; stop ${ms.toFixed(0)} ms`);
}

/** How many cameras, and how long they are watched. */
export interface DeadCamerasOptions { readonly live: number; readonly dead: number; readonly seconds: number }

/** Cameras that are dead in four ways beside ones that live: those must lose nothing, from their first frame to the stop. */
export async function soakDeadCameras({ live, dead, seconds }: DeadCamerasOptions): Promise<void> {
  const server = await spawnRtspServer();
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)))); // takes the connection and says nothing
  await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  const hole = await blackHole();
  const locked = await server.add('locked', CLIP, { credentials: { user: 'admin', password: 'right' } });
  const deaths = ['rtsp://127.0.0.1:9/closed', `rtsp://127.0.0.1:${hole.port}/dropped`, `rtsp://127.0.0.1:${(silent.address() as { port: number }).port}/silent`, locked.replace('right', 'wrong')];
  const ids = Array.from({ length: live }, (_, index) => `live-${index}`);
  const uris: Record<string, string> = Object.fromEntries(Array.from({ length: dead }, (_, index) => [`dead-${index}`, deaths[index % deaths.length] ?? '']));
  for (const id of ids) uris[id] = await server.add(id, CLIP);
  const startMs = performance.now();
  const run = await startWith(Object.fromEntries(Object.entries(uris).toSorted(([a], [b]) => (a.slice(5) < b.slice(5) ? -1 : 1)))); // each process has some of both
  try {
    await run.live(ids, 120_000);
    console.log(`  ${ids.length} live cameras among ${dead} dead ones: all live ${((performance.now() - startMs) / 1000).toFixed(1)} s after the start`);
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const states = Map.groupBy((await run.cameras()).filter(({ id }) => id.startsWith('dead-')), ({ state }) => state);
    console.log(`  the dead ones: ${[...states].map(([state, list]) => `${list.length} ${state}`).join(', ')}`);
    assert.equal([...states.keys()].filter((state) => !['retrying', 'connecting'].includes(state)), [], 'dead cameras are tried again');
    await fallSilent(run, server, ids);
    await judgeAll({ run, server, ids, mayLose: false });
  } finally {
    run.killAll();
    hole.close();
    silent.close();
    for (const socket of sockets) socket.destroy();
    await server.close();
  }
}
