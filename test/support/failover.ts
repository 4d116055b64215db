import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { verifyLedger } from '../../src/data-ops/verify-ledger.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { decodingErrors, judgeLadder, recordedEpochs } from './failover-oracle.ts';
import { at, describe, judge } from './ledger-oracle.ts';
import { spawnRtspServer, type RtspServerProcess } from './rtsp-server-process.ts';
import { withinBound } from './slack.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until, VtoRun, wallMicros, type CameraStatus } from './vto-run.ts';

/** How many cameras of each kind fail how often. */
export interface FailoverOptions { readonly cameras: number; readonly rounds: number }

const FPS = 25;
const GOP = 25;
const GOP_MS = GOP / FPS * 1000;
const RESTORE_MS = 1_000;
const MAIN = { fps: FPS, gop: GOP, frames: 100, width: 320, height: 240 } as const;
const SUB = { fps: FPS, gop: GOP, frames: 100, width: 160, height: 120 } as const;

/** What was done to a camera, and when. */
interface Blow { readonly camera: string; readonly kind: 'close' | 'stall' | 'vanish'; readonly at: number }
interface Return { readonly camera: string; readonly at: number }

interface SourcesView extends CameraStatus { readonly sources?: readonly { readonly label: string; readonly state: string }[] }

/** Three servers: cameras that are alone, main streams, and sub-streams. */
interface World {
  readonly run: VtoRun;
  readonly alone: RtspServerProcess;
  readonly main: RtspServerProcess;
  readonly sub: RtspServerProcess;
  readonly singles: readonly string[];
  readonly pairs: readonly string[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Cameras that are alone vanish with their server and come back; cameras with a warm standby lose their main stream, by a closed connection or by
 * silence, and return to it. Then the outside judges: times, time stamps, decoded pictures, frames sent and recorded, gaps told.
 */
export async function measureFailover({ cameras, rounds }: FailoverOptions): Promise<void> {
  const servers = await Promise.all([spawnRtspServer(), spawnRtspServer(), spawnRtspServer()]);
  const [alone, main, sub] = servers;
  const singles = Array.from({ length: cameras }, (_, index) => `single-${index}`);
  const pairs = Array.from({ length: cameras }, (_, index) => `pair-${index}`);
  const data = temporaryFolder();
  const config = join(data, 'cameras.toml');
  const tables = [
    ...await Promise.all(singles.map(async (id) => tableOf(id, await alone.add(id, MAIN)))),
    ...await Promise.all(pairs.map(async (id) => tableOf(id, await main.add(id, MAIN), await sub.add(id, SUB)))),
  ];
  writeFileSync(config, tables.join('\n'));
  const run = await VtoRun.start({ data, cameras: {}, args: ['--config', config], env: { VTO__VISION__PROCESSES: '1' } });
  const world: World = { run, alone, main, sub, singles, pairs };
  try {
    await run.live([...singles, ...pairs], 60_000);
    await pause(3_000);
    const [vanished, switched] = await Promise.all([loseSingles(world, rounds), losePairs(world, rounds)]);
    await checkView(world);
    const stoppedAtMicros = wallMicros();
    const { code } = await run.stop();
    assert.is(code, 0);
    await judgeAll(world, { ...vanished, blows: [...vanished.blows, ...switched.blows], stoppedAtMicros });
  } finally {
    run.killAll();
    await Promise.all(servers.map((server) => server.close()));
  }
}

function tableOf(id: string, uri: string, fallback?: string): string {
  const further = fallback === undefined ? '' : `fallbacks = ["${fallback}"]\nstandby = "warm"\nrestoreAfterMs = ${RESTORE_MS}\n`;
  return `[[cameras]]\nid = "${id}"\nuri = "${uri}"\nisDetecting = false\n${further}`;
}

/** The server of the cameras that are alone goes away with all connections, and comes back. */
async function loseSingles({ alone, singles }: World, rounds: number): Promise<{ readonly blows: readonly Blow[]; readonly returns: readonly Return[] }> {
  const blows: Blow[] = [];
  const returns: Return[] = [];
  for (let round = 0; round < rounds; round++) {
    await alone.listen(false);
    for (const camera of singles) {
      blows.push({ camera, kind: 'vanish', at: wallMicros() });
      await alone.fault(camera, { kind: 'close' });
    }
    await pause(1_000 + round * 311);
    const at = wallMicros();
    returns.push(...singles.map((camera) => ({ camera, at })));
    await alone.listen(true);
    await until(async () => (await Promise.all(singles.map((camera) => alone.state(camera)))).every(({ playing }) => playing > 0), 'all that were alone are played again');
    await pause(GOP_MS + 2_300); // a session that lasted is followed by another at once
  }
  return { blows, returns };
}

/** Main streams fail, in turn by a closed connection and by silence, and are returned to. */
async function losePairs(world: World, rounds: number): Promise<{ readonly blows: readonly Blow[] }> {
  const { main, pairs } = world;
  const blows: Blow[] = [];
  for (let round = 0; round < rounds; round++) {
    const kind = round % 2 === 0 ? 'close' : 'stall';
    for (const camera of pairs) {
      if (kind === 'close') await main.fault(camera, { kind: 'refuse' });
      blows.push({ camera, kind, at: wallMicros() });
      await main.fault(camera, { kind });
    }
    await allActive(world, 1);
    for (const camera of pairs) await main.clear(camera);
    await allActive(world, 0);
    await pause(GOP_MS + 1_000); // until the standby has what it must have
  }
  return { blows };
}

function allActive({ run, pairs }: World, position: number): Promise<unknown> {
  return until(async () => {
    const views = await run.cameras() as readonly SourcesView[];
    return pairs.every((id) => views.find((view) => view.id === id)?.sources?.[position]?.state === 'active');
  }, `source ${position} of all is active`, 30_000);
}

/** The API shows which source is recorded and which stands by, without passwords. */
async function checkView({ run, pairs, main, sub }: World): Promise<void> {
  const view = await run.get<SourcesView>(`/api/v1/cameras/${pairs[0]}`);
  assert.equal(view?.sources, [{ label: `rtsp://127.0.0.1:${main.port}/${pairs[0]}`, state: 'active' }, { label: `rtsp://127.0.0.1:${sub.port}/${pairs[0]}`, state: 'standby' }]);
  const metrics = await (await fetch(`${run.url}/metrics`)).text();
  assert.match(metrics, /^visutility_failovers_total\{[^}]*camera="pair-0"[^}]*\} \d+$/m);
}

interface Story { readonly blows: readonly Blow[]; readonly returns: readonly Return[]; readonly stoppedAtMicros: number }

async function judgeAll(world: World, { blows, returns, stoppedAtMicros }: Story): Promise<void> {
  const { run, singles, pairs, alone, main, sub } = world;
  const store = openSqliteStore(join(run.data, 'store.sqlite'), { clock: systemClock, isReadOnly: true });
  try {
    const sentOf = new Map(await Promise.all(pairs.map(async (camera) => [camera, new Map([[MAIN.width, await main.sent(camera)], [SUB.width, await sub.sent(camera)]])] as const)));
    times(store, blows, returns, (camera) => (sentOf.get(camera)?.get(MAIN.width) ?? []).map(({ sentAtMicros }) => sentAtMicros));
    for (const camera of singles) {
      const verdict = await judge({ data: run.data, camera, sent: await alone.sent(camera), stoppedAtMicros, frameMs: 1000 / FPS, isAtRest: true });
      assert.equal(verdict.problems, [], camera);
      if (camera === singles[0]) console.log(describe(camera, verdict));
      assert.equal(judgeLadder({ epochs: await recordedEpochs(run.data, store, camera), sent: new Map(), gaps: eventsOf(store, camera, 'gap') }), [], camera);
    }
    for (const camera of pairs) {
      const gaps = eventsOf(store, camera, 'gap');
      const epochs = await recordedEpochs(run.data, store, camera);
      assert.equal(judgeLadder({ epochs, sent: sentOf.get(camera) ?? new Map(), gaps }), [], camera);
      assert.equal(gaps, [], `${camera}: the standby covers every switch`);
      assert.equal(epochs.map(([first]) => first?.width), Array.from(epochs, (_, index) => (index % 2 === 0 ? MAIN.width : SUB.width)), `${camera}: there and back`);
    }
    const unclean = (await Promise.all([singles, pairs].map(async (cameras) => {
      const errors: string[] = [];
      for (const camera of cameras) errors.push(...await decodingErrors(run.data, store, camera));
      return errors;
    }))).flat();
    assert.equal(unclean, [], 'every chunk decodes cleanly');
    const { problems, pending } = verifyLedger(store);
    assert.equal({ problems, pending }, { problems: [], pending: 0 }, 'every frame has one record');
    assert.not.match(run.output, /unhandled|UnhandledPromise/i);
  } finally {
    store.close();
  }
}

type EventOf<Type extends PlatformEvent['type']> = Extract<PlatformEvent, { type: Type }>;

function eventsOf<Type extends PlatformEvent['type']>(store: Store, camera: string, type: Type): EventOf<Type>[] {
  return store.events({ camera: camera as CameraId, max: 100_000 }).filter((event): event is EventOf<Type> => event.type === type);
}

/** Prints what everything took, and holds it against its target. */
function times(store: Store, blows: readonly Blow[], returns: readonly Return[], sentOf: (camera: string) => readonly number[]): void {
  const after = <Event extends PlatformEvent>(events: readonly Event[], micros: number): Event => {
    const found = events.find((event) => event.at >= micros);
    if (found === undefined) throw new Error('an event is missing');
    return found;
  };
  const states = (camera: string, state: string): EventOf<'camera-state'>[] => eventsOf(store, camera, 'camera-state').filter((event) => event.state === state);
  const closed: number[] = [];
  const stalled: number[] = [];
  const switched: number[] = [];
  for (const { camera, kind, at: blowAt } of blows) {
    const noticed = after(states(camera, 'retrying'), blowAt);
    if (kind === 'stall') {
      const lastSent = sentOf(camera).findLast((sent) => sent <= blowAt + 20_000) ?? blowAt; // what was on its way when the fault was ordered
      stalled.push((noticed.at - lastSent) / 1000);
    } else closed.push((noticed.at - blowAt) / 1000);
    if (kind !== 'vanish') switched.push((after(eventsOf(store, camera, 'failed-over'), blowAt).at - (kind === 'stall' ? noticed.at : blowAt)) / 1000);
  }
  const back = returns.map(({ camera, at: backAt }) => (after(states(camera, 'live'), backAt).at - backAt) / 1000);
  report('closed socket noticed', closed, 200);
  report('silence noticed', stalled, 2_000);
  report('primary alone recorded again after its server is back', back, 1_000 + GOP_MS);
  report('warm standby recorded after the loss', switched, GOP_MS + 500);
}

function report(what: string, unsorted: readonly number[], targetMs: number): void {
  const values = [...unsorted].sort((a, b) => a - b);
  console.log(`  ${what}: n ${values.length}, p50 ${at(values, 0.5).toFixed(0)} ms, p99 ${at(values, 0.99).toFixed(0)} ms, longest ${at(values, 1).toFixed(0)} ms`);
  withinBound(`${what}, p99`, at(values, 0.99), targetMs);
}
