import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { launchChromium } from '../support/chromium.ts';
import type { ProcessRow } from '../support/process-table.ts';
import { spawnRtspServer, type RtspServerProcess } from '../support/rtsp-server-process.ts';
import { withinBound } from '../support/slack.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const PASSWORD = 'p4ssw0rd-of-the-camera';
/** Pictures a second that the page shows at least, of cameras that send 25 and 15. */
const FPS_MIN = { fast: 24, slow: 14 } as const;
const WATCHED_MS = 10_000;
/** From the death of ffmpeg to the next picture on the page. */
const BACK_MAX_MS = 3_000;
const GONE_MAX_MS = 15_000;

const outOf = process.env['VTO_SCREENSHOTS'];

interface World { readonly browser: Browser; readonly server: RtspServerProcess; readonly run: VtoRun }

const test = suite<Partial<World>>('JSMpeg');

test.before(async (context) => {
  if (spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status !== 0) { console.log('SKIP: JSMpeg: there is no ffmpeg (apt-get install ffmpeg)'); return; }
  const browser = await launchChromium('JSMpeg');
  if (browser === undefined) return;
  const server = await spawnRtspServer();
  const credentials = { scheme: 'digest', user: 'root', password: PASSWORD } as const;
  const clip = { width: 640, height: 360, frames: 150 };
  const cameras = { fast: await server.add('fast', { ...clip, fps: 25, gop: 50 }, { credentials }), slow: await server.add('slow', { ...clip, fps: 15, gop: 30 }, { credentials }) };
  // Recorded only: what the players cost is all that this machine has to do besides.
  const run = await VtoRun.start({ data: temporaryFolder(), cameras: {}, env: { VTO__CAMERAS: JSON.stringify(Object.entries(cameras).map(([id, uri]) => ({ id, uri, isDetecting: false }))) } });
  await run.live(['fast', 'slow']);
  Object.assign(context, { browser, server, run });
});

test.after(async ({ browser, server, run }) => {
  run?.killAll();
  await browser?.close();
  await server?.close();
});

const adapters = (run: VtoRun): readonly ProcessRow[] => run.processes().filter(({ title }) => /^vto jsmpeg-|^ffmpeg /.test(title));
const shownBy = async (page: Page): Promise<number> => Number(await page.locator('#picture').getAttribute('data-shown'));

async function withPage(browser: Browser, address: string, check: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage();
  try {
    await page.goto(address);
    await check(page);
  } finally {
    await page.close();
  }
}

/** Pictures a second that the page shows, and how many different ones there are among what is on the screen four times a second. */
async function watch(page: Page): Promise<{ readonly fps: number; readonly different: number }> {
  return page.evaluate<{ fps: number; different: number }>(`(async () => {
    const canvas = document.querySelector('#picture');
    const shown = () => Number(canvas.getAttribute('data-shown'));
    const pictures = new Set();
    const [from, fromMs] = [shown(), performance.now()];
    while (performance.now() - fromMs < ${WATCHED_MS}) {
      pictures.add([...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((_, index) => index % 997 === 0)].join());
      await new Promise(resolve => setTimeout(resolve, 250));
    }
    return { fps: (shown() - from) * 1000 / (performance.now() - fromMs), different: pictures.size };
  })()`);
}

/** At least the target; half of that where other programs take more than this machine has. `TIME_SLACK=1` judges strictly. */
function atFullRate(what: string, fps: number, target: number): void {
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  const isBusy = process.env['TIME_SLACK'] !== '1' && load > 1.5;
  console.log(`  ${what}: ${fps.toFixed(1)} (target ${target}${fps < target ? `, MISSED at load ${load.toFixed(1)} a core` : ''})`);
  assert.ok(fps >= (isBusy ? target / 2 : target), `${what}: ${fps}`);
}

test('an old player shows a camera of 25 and one of 15 pictures a second at full rate, nothing runs while nobody watches, and no password is in the process list', async ({ browser, run }) => {
  if (browser === undefined || run === undefined) return;
  assert.equal(adapters(run), []);
  for (const camera of ['fast', 'slow'] as const) {
    await withPage(browser, `${run.url}/live/${camera}/jsmpeg`, async (page) => {
      await until(async () => await shownBy(page) > 75, `${camera}: the first pictures, and those since the key frame before`, 30_000);
      const { fps, different } = await watch(page);
      atFullRate(`${camera}: pictures a second`, fps, FPS_MIN[camera]);
      assert.ok(different > 15, `${camera}: the picture moves, ${different} different ones were seen`);
      assert.equal(adapters(run).map(({ title }) => title.split(' ')[0]), ['vto', 'ffmpeg']);
      const table = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout;
      assert.match(table, 'ffmpeg -i pipe:0');
      assert.not.match(table, PASSWORD);
      if (outOf !== undefined) { mkdirSync(outOf, { recursive: true }); await page.screenshot({ path: join(outOf, `jsmpeg-${camera}.png`) }); }
    });
    await until(() => adapters(run).length === 0, 'nothing runs any more', GONE_MAX_MS);
  }
});

test('an ffmpeg that is killed, one that freezes, and a process that is killed are replaced while the player watches', async ({ browser, run }) => {
  if (browser === undefined || run === undefined) return;
  const faults: readonly (readonly [string, RegExp, NodeJS.Signals])[] = [['ffmpeg killed', /^ffmpeg /, 'SIGKILL'], ['ffmpeg killed again', /^ffmpeg /, 'SIGKILL'], ['ffmpeg frozen', /^ffmpeg /, 'SIGSTOP'], ['process killed', /^vto jsmpeg-/, 'SIGKILL']];
  await withPage(browser, `${run.url}/live/fast/jsmpeg`, async (page) => {
    await until(async () => await shownBy(page) > 10, 'the first pictures', 30_000);
    for (const [what, pattern, signal] of faults) {
      const victim = adapters(run).find(({ title }) => pattern.test(title));
      assert.ok(victim, what);
      const ffmpegs = adapters(run).map(({ pid }) => pid);
      process.kill(victim.pid, signal);
      const atMs = performance.now();
      // What was on its way is shown yet: the picture is back when the next ffmpeg has shown some.
      await until(() => adapters(run).find(({ title, pid }) => title.startsWith('ffmpeg ') && !ffmpegs.includes(pid)), `${what}: another ffmpeg`);
      const before = await shownBy(page);
      await until(async () => await shownBy(page) > before + 5, `${what}: the next pictures`);
      withinBound(`pictures again after: ${what}`, performance.now() - atMs, BACK_MAX_MS);
      const from = await shownBy(page);
      await until(async () => await shownBy(page) > from + 25, `${what}: pictures go on`);
    }
  });
  await until(() => adapters(run).length === 0, 'nothing runs any more', GONE_MAX_MS);
});

test('without ffmpeg the viewer is told so by name, so are the events, and everything goes on', async ({ browser }) => {
  if (browser === undefined) return;
  const run = await VtoRun.start({ data: temporaryFolder(), cameras: { yard: 'synthetic://yard?size=320x180&fps=10' }, env: { PATH: '/nonexistent' } });
  try {
    await run.live(['yard']);
    await withPage(browser, `${run.url}/live/yard/jsmpeg`, async (page) => {
      await page.getByText(/^FFMPEG_MISSING: /).waitFor({ timeout: 20_000 });
      const pids = adapters(run).map(({ pid }) => pid);
      assert.is(pids.length, 1, 'its process is there');
      const closed = await page.evaluate<{ code: number; reason: string }>(`new Promise(resolve => {
        new WebSocket('${run.url.replace('http', 'ws')}/api/v1/cameras/yard/jsmpeg').addEventListener('close', ({ code, reason }) => { resolve({ code, reason }); });
      })`);
      assert.is(closed.code, 4503);
      assert.match(closed.reason, /^FFMPEG_MISSING: ffmpeg cannot be run/);
      assert.equal(adapters(run).map(({ pid }) => pid), pids, 'and is the same');
      const { events } = await run.get<{ readonly events: readonly PlatformEvent[] }>('/api/v1/events?limit=1000') ?? { events: [] };
      const told = events.filter((event) => event.type === 'process' && event.message?.startsWith('FFMPEG_MISSING') === true);
      assert.is(told.length, 1, 'told once');
      const [camera] = await run.cameras();
      await until(async () => ((await run.cameras())[0]?.counts.received ?? 0) > (camera?.counts.received ?? 0) + 10, 'the camera goes on');
    });
    assert.is((await run.stop()).code, 0);
  } finally {
    run.killAll();
  }
});

test.run();
