import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { verifyLedger } from '../../src/data-ops/verify-ledger.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { readChunkFile } from '../../src/media/index.ts';
import { makeClip } from '../support/clip.ts';
import { readCounter } from '../support/frame-counter.ts';
import { camera } from '../support/ledger-fixtures.ts';
import { startReplayServer } from '../support/replay-server.ts';
import { startRtspServer } from '../support/rtsp-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CLIP, PATIENT } from '../support/three-cameras.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const LAUNCHER = fileURLToPath(new URL('../../src/cli/vto.mjs', import.meta.url));
const STALL_FRAMES = 4 * CLIP.fps;
const LOGIN = { user: 'admin', password: 'p@ss/word' } as const;

interface Events { readonly events: readonly { readonly type: string; readonly from?: string; readonly to?: string; readonly frames?: number }[] }

/** Counters of every recorded frame, by epoch in the order of epochs. */
async function countersOf(data: string): Promise<ReadonlyMap<number, readonly number[]>> {
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
  return byEpoch;
}

for (const clockSkewMs of [0, 3_600_000]) test(`what a camera recorded while its stream stood still is in the archive afterwards: every picture, detected on, and the ledger is sound; its clock is ${clockSkewMs / 1000} s ahead`, async () => {
  const data = temporaryFolder();
  const server = await startRtspServer();
  const path = server.addPath('dock', { content: await makeClip(CLIP), isRecording: true, credentials: LOGIN, clockSkewMs });
  const device = await startReplayServer({ codec: 'h264', frameRate: CLIP.fps, frames: () => path.recorded, login: { ...LOGIN, scheme: 'SHA-256', hasQop: true } });
  const settings = join(temporaryFolder(), 'dock.toml');
  writeFileSync(settings, `[[cameras]]\nid = "dock"\nuri = "${server.url('dock')}"\nreplay = "${device.url.replace('rtsp://', 'rtsp://admin:p%40ss%2Fword@')}"\n`);
  const run = await VtoRun.start({ data, cameras: {}, args: ['--config', settings], env: PATIENT });
  try {
    const eventsOf = async (type: string): Promise<Events['events']> => ((await run.get<Events>('/api/v1/events?camera=dock'))?.events ?? []).filter((event) => event.type === type);
    await run.live(['dock']);
    await until(async () => (await run.cameras()).some(({ counts }) => counts.detected > 2 * CLIP.fps), 'it is detected on');
    const [stalledAt, end] = [path.produced, path.produced + STALL_FRAMES];
    path.fault({ kind: 'stall' });
    await until(() => path.produced >= end, 'the stream stands still for a while');
    path.clear();
    const [filled] = await until(async () => { const events = await eventsOf('backfilled'); return events.length > 0 && events; }, 'the gap is filled', 30_000);
    const [gap] = await eventsOf('gap');
    await until(async () => {
      const [dock] = await run.cameras();
      const { received, detected, dropped } = dock!.counts;
      return received > 0 && detected + Object.values(dropped).reduce((sum, count) => sum + count, 0) >= received - CLIP.fps && path.produced > end + 4 * CLIP.fps;
    }, 'what was filled is detected on');
    await run.stop();
    console.log(`  ${run.output.split('\n').filter((line) => line.includes('gap was filled')).join('\n  ')}`);
    assert.equal([filled?.from, filled?.to], [gap?.from, gap?.to], 'all of the gap');
    const epochs = [...await countersOf(data)].sort(([left], [right]) => left - right);
    console.log(`  ${epochs.map(([epoch, counters]) => `epoch ${epoch}: ${counters[0]} to ${counters.at(-1)} (${counters.length})`).join('; ')}; stalled at ${stalledAt}, told ${filled?.frames} frames`);
    assert.is(epochs.length, 3, 'before, filled, after: numbered in the order of their times');
    for (const [, counters] of epochs) assert.equal(counters, Array.from(counters, (_, index) => counters[0]! + index), 'no picture is missing or twice within an epoch');
    const [before, between, after] = epochs.map(([, counters]) => counters);
    assert.ok(between![0]! <= before!.at(-1)! + 1 && before!.at(-1)! - between![0]! < CLIP.gop, 'at most a GOP twice');
    assert.is(after![0]!, between!.at(-1)! + 1, 'nothing between what was filled and the live session, and nothing twice');
    assert.is(filled?.frames, between!.at(-1)! - before!.at(-1)!);
    const verdict = await new Promise<{ readonly code: unknown; readonly text: string }>((resolve) => {
      execFile(process.execPath, [LAUNCHER, 'verify', '--data', data], (error, text) => resolve({ code: error === null ? 0 : error.code ?? 1, text }));
    });
    console.log(verdict.text.replaceAll(/^/gm, '  '));
    assert.is(verdict.code, 0);
    assert.match(verdict.text, /dock/);
    assert.not.match(run.output, /p@ss|p%40ss/, 'no password is logged');
  } catch (error) {
    console.log(run.output.slice(-6000));
    throw error;
  } finally {
    run.killAll();
    await device.close();
    await server.close();
  }
});

test.run();
