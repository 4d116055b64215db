import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { verifyLedger } from '../../src/data-ops/verify-ledger.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { readChunkFile } from '../../src/media/index.ts';
import { makeClip } from './clip.ts';
import { readCounter } from './frame-counter.ts';
import { camera } from './ledger-fixtures.ts';
import { startReplayServer } from './replay-server.ts';
import { startRtspServer, type CameraPath } from './rtsp-server.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { CLIP, PATIENT } from './three-cameras.ts';
import { until, VtoRun } from './vto-run.ts';

/** An event of the API. */
export interface EventLine { readonly type: string; readonly from?: string; readonly to?: string; readonly frames?: number }

/** Camera `dock` that records by itself, its live stream, and the program that records it. */
export interface BackfillSite {
  readonly run: VtoRun;
  readonly path: CameraPath;
  eventsOf(type: string): Promise<readonly EventLine[]>;
  /** Lets the live stream stand still for so many frames. */
  stall(frames: number): Promise<void>;
  /** Resolves when all but the newest frames have their record, and the stream has gone on for a while. */
  settled(): Promise<void>;
  /** Counters of every recorded frame, by epoch in the order of epochs, once nobody writes; the ledger is judged too. */
  counters(): Promise<readonly (readonly [epoch: number, counters: readonly number[]])[]>;
}

const LOGIN = { user: 'admin', password: 'p@ss/word' } as const;

/** Runs `act` with a camera that is detected on already. No password of it may be logged. */
export async function withBackfillSite(options: { readonly clockSkewMs?: number; readonly args?: readonly string[] }, act: (site: BackfillSite) => Promise<void>): Promise<void> {
  const server = await startRtspServer();
  const path = server.addPath('dock', { content: await makeClip(CLIP), isRecording: true, credentials: LOGIN, clockSkewMs: options.clockSkewMs ?? 0 });
  const device = await startReplayServer({ codec: 'h264', frameRate: CLIP.fps, frames: () => path.recorded, login: { ...LOGIN, scheme: 'SHA-256', hasQop: true } });
  const settings = join(temporaryFolder(), 'dock.toml');
  writeFileSync(settings, `[[cameras]]\nid = "dock"\nuri = "${server.url('dock')}"\nreplay = "${device.url.replace('rtsp://', 'rtsp://admin:p%40ss%2Fword@')}"\n`);
  const run = await VtoRun.start({ data: temporaryFolder(), cameras: {}, args: ['--config', settings, ...options.args ?? []], env: PATIENT });
  try {
    await run.live(['dock']);
    await until(async () => (await run.cameras()).some(({ counts }) => counts.detected > 2 * CLIP.fps), 'it is detected on');
    await act({
      run, path,
      eventsOf: async (type) => ((await run.get<{ readonly events: readonly EventLine[] }>('/api/v1/events?camera=dock'))?.events ?? []).filter((event) => event.type === type),
      async stall(frames) {
        const end = path.produced + frames;
        path.fault({ kind: 'stall' });
        await until(() => path.produced >= end, 'the stream stands still for a while');
        path.clear();
      },
      async settled() {
        const end = path.produced + 3 * CLIP.fps;
        await until(async () => {
          const { received, detected, dropped } = (await run.cameras())[0]!.counts;
          return path.produced > end && received > 0 && detected + Object.values(dropped).reduce((sum, count) => sum + count, 0) >= received - CLIP.fps;
        }, 'all but the newest frames have a record', 60_000);
      },
      counters: () => countersOf(run.data),
    });
    assert.not.match(run.output, /p@ss|p%40ss/, 'no password is logged');
  } catch (error) {
    console.log(run.output.slice(-6000));
    throw error;
  } finally {
    run.killAll();
    await device.close();
    await server.close();
  }
}

async function countersOf(data: string): Promise<readonly (readonly [number, readonly number[]])[]> {
  const store = openSqliteStore(join(data, 'store.sqlite'), { clock: systemClock, isReadOnly: true });
  const byEpoch = new Map<number, number[]>();
  try {
    for (const row of store.chunks({ camera: camera('dock') })) {
      if (row.frameCount === 0) continue;
      const counters = byEpoch.get(row.epoch) ?? [];
      byEpoch.set(row.epoch, counters);
      const reader = await readChunkFile(join(data, 'archive', row.path));
      for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) counters.push(readCounter(packet.data, 'length-prefixed') ?? -1);
      await reader.close();
    }
    assert.equal(verifyLedger(store).problems, []);
    assert.is(store.balances().reduce((sum, { pending }) => sum + pending, 0), 0, 'every frame has a record');
  } finally {
    store.close();
  }
  const epochs = [...byEpoch].sort(([left], [right]) => left - right);
  console.log(`  ${epochs.map(([epoch, counters]) => `epoch ${epoch}: ${counters[0]} to ${counters.at(-1)} (${counters.length})`).join('; ')}`);
  return epochs;
}
