import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TrueBox } from '../../src/ingress/scene.ts';
import { launchChromium } from '../support/chromium.ts';
import { COUNTER, countedStreet, type CountedStreet } from '../support/counted-street.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const FRAMES = 250;
const WATCHED_MS = 10_000;
const FPS_MIN = 24;
const GLASS_P50_MAX_MS = 150;
const TOKEN = 'a-token-of-the-live-page-test';
/** Pages of this name are no secure context: it is neither https nor this machine by name. */
const FOREIGN = 'cameras.test';

/** A picture as the page showed it. */
interface Shown { readonly frameSeq: number; readonly epoch: number; readonly arrivedAt: number; readonly shownAt: number; readonly counter: number | null; readonly boxes: readonly { readonly box: readonly [number, number, number, number] }[] | null }

const outOf = process.env['VTO_SCREENSHOTS'];

/** Runs in the page: keeps every `frame` event; with each `every`th the number that is read from the picture on the screen, which takes its time. */
const collector = (every: number): string => `
  globalThis.shown = [];
  const stage = document.querySelector('#stage');
  const { bits, width, height } = ${JSON.stringify(COUNTER)};
  const probe = Object.assign(document.createElement('canvas'), { width: bits * width, height: 8 });
  const context = probe.getContext('2d', { willReadFrequently: true });
  stage.addEventListener('frame', ({ detail }) => {
    if (shown.length % ${every} !== 0) { shown.push({ ...detail, boxes: detail.boxes ?? null, counter: null }); return; }
    const picture = stage.querySelector('video') ?? stage.querySelector('canvas');
    context.drawImage(picture, 0, height - 16, probe.width, probe.height, 0, 0, probe.width, probe.height);
    const { data } = context.getImageData(0, 0, probe.width, probe.height);
    let counter = 0;
    for (let bit = 0; bit < bits; bit++) {
      let light = 0;
      for (let y = 0; y < 8; y++) for (let x = 4; x < width - 4; x++) light += data[(y * probe.width + bit * width + x) * 4] > 127 ? 1 : -1;
      if (light > 0) counter += 2 ** bit;
    }
    shown.push({ ...detail, boxes: detail.boxes ?? null, counter });
  });
`;

/** Collects what the page shows, with the number that is in each picture. */
async function collect(page: Page, forMs: number, every = 1): Promise<readonly Shown[]> {
  await page.evaluate(collector(every));
  await page.waitForTimeout(forMs);
  return page.evaluate('shown');
}

const percentile = (values: readonly number[], share: number): number => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Mean distance in pixels from each true object to the nearest box whose size is about its own; a missing one counts as 100. */
function distance(shown: readonly Shown[], street: CountedStreet, shift: number): number {
  const distances = shown.flatMap(({ counter, frameSeq, boxes }) => street.truth((counter ?? frameSeq) + shift + street.frames).map((truth) => Math.min(100, ...(boxes ?? []).map(({ box }) => apart(truth, box)))));
  return distances.reduce((sum, each) => sum + each, 0) / distances.length;
}

function apart({ x1, y1, x2, y2 }: TrueBox, [left, top, right, bottom]: readonly [number, number, number, number]): number {
  return Math.max(Math.abs(x1 - left), Math.abs(x2 - right), Math.abs(y1 - top), Math.abs(y2 - bottom));
}

interface World { readonly browser: Browser; readonly street: CountedStreet; readonly run: VtoRun; readonly port: number }

async function withWorld(options: { readonly env?: Record<string, string>; readonly args?: readonly string[] }, check: (world: World) => Promise<void>): Promise<void> {
  const browser = await launchChromium('the live page', [`--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`]);
  if (browser === undefined) return;
  const street = await countedStreet({ width: 1280, height: 720, frames: FRAMES });
  const data = temporaryFolder();
  const cameras = JSON.stringify([{ id: 'street', uri: street.path, isLooping: true, gate: 'off' }]);
  const run = await VtoRun.start({ data, cameras: {}, env: { VTO__CAMERAS: cameras, ...options.env }, args: options.args ?? [] });
  try {
    const headers: Record<string, string> = options.env?.['VTO__SERVING__TOKENS'] === undefined ? {} : { authorization: `Bearer ${TOKEN}` };
    await until(async () => {
      const answer = await fetch(`${run.url}/api/v1/cameras/street`, { headers });
      return (await answer.json() as { counts: { detected: number } }).counts.detected > 50;
    }, 'detections', 60_000);
    await check({ browser, street, run, port: Number(new URL(run.url).port) });
    assert.is((await run.stop()).code, 0);
  } finally {
    run.killAll();
    await browser.close();
  }
}

/** Loads a page and fails with whatever went wrong in it. */
async function open(browser: Browser, url: string): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 960 } });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  await page.goto(url);
  await page.locator('#state', { hasText: /^live$/ }).waitFor({ timeout: 20_000 }).catch(async (error: unknown) => {
    throw new Error(`the page did not come to life: ${await page.locator('#state').textContent() ?? ''} ${problems.join('; ')}`, { cause: error });
  });
  return { page, problems };
}

/** Frames that the platform detected on, by the ledger's records. */
async function detectedFrames(url: string): Promise<ReadonlySet<number>> {
  const frames = new Set<number>();
  for (let after = 0; ;) {
    const { records } = await (await fetch(`${url}/api/v1/records?camera=street&limit=1000&after=${after}`)).json() as { records: readonly { id: number; kind: string; frameSeq: number }[] };
    if (records.length === 0) return frames;
    for (const { id, kind, frameSeq } of records) { after = id; if (kind === 'detected') frames.add(frameSeq); }
  }
}

/** Rate, age, the picture itself, and the boxes on it. A machine that is too slow to detect on every frame says so in its records: of those it did, nearly all must be drawn. */
function judge(shown: readonly Shown[], street: CountedStreet, detected: ReadonlySet<number>): void {
  const seconds = ((shown.at(-1)?.shownAt ?? 0) - (shown[0]?.shownAt ?? 0)) / 1_000;
  const fps = (shown.length - 1) / seconds;
  const ages = shown.map(({ shownAt, arrivedAt }) => shownAt - arrivedAt / 1_000);
  const withBoxes = shown.filter(({ boxes }) => boxes !== null);
  const known = shown.filter(({ frameSeq }) => detected.has(frameSeq)).length;
  const wrong = shown.filter(({ counter, frameSeq }) => counter !== frameSeq % street.frames).length;
  const [own, before, after] = [0, -6, 6].map((shift) => distance(withBoxes, street, shift));
  console.log(`WebCodecs: ${fps.toFixed(1)} fps, arrival to screen p50 ${percentile(ages, 0.5).toFixed(0)} ms p95 ${percentile(ages, 0.95).toFixed(0)} ms, ${withBoxes.length} of ${shown.length} pictures with their boxes (${known} were detected on), `
    + `${wrong} pictures of another frame; boxes are ${own?.toFixed(1)} px from where things are, ${before?.toFixed(1)} and ${after?.toFixed(1)} px from where they are 6 frames before and after`);
  assert.ok(fps >= FPS_MIN, `${fps} fps`);
  assert.ok(wrong <= shown.length * 0.02, `${wrong} of ${shown.length} pictures show another frame than the page says`);
  assert.ok(known >= shown.length / 4, `${known} of ${shown.length} pictures were detected on`);
  assert.ok(withBoxes.length >= known * 0.9, `${withBoxes.length} of ${known} pictures had their boxes`);
  assert.ok(own !== undefined && before !== undefined && after !== undefined && own < before && own < after, 'boxes lie where things are on that very frame');
  assert.ok(percentile(ages, 0.5) <= GLASS_P50_MAX_MS, `p50 ${percentile(ages, 0.5)} ms`);
}

test('the page shows a camera at its full rate, each picture with the boxes of its own frame', () => withWorld({}, async ({ browser, street, run }) => {
  const { page, problems } = await open(browser, `${run.url}/live/street`);
  assert.is(await page.evaluate("isSecureContext && document.querySelector('#stage canvas') !== null && document.querySelector('#stage video') === null"), true);
  const shown = await collect(page, WATCHED_MS);
  if (outOf !== undefined) await page.screenshot({ path: join(outOf, 'live.png') });
  judge(shown, street, await detectedFrames(run.url));
  assert.equal(problems, []);
  if (outOf !== undefined) {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(outOf, 'live-dark.png') });
    await page.goto(`${run.url}/live`);
    await until(async () => await page.evaluate("[...document.querySelectorAll('img')].some(({ naturalWidth }) => naturalWidth > 0)"), 'a still picture');
    await page.screenshot({ path: join(outOf, 'list.png') });
  }
}));

test('the page comes back by itself when the process of the camera was killed', () => withWorld({}, async ({ browser, run }) => {
  const { page } = await open(browser, `${run.url}/live/street`);
  const before = (await collect(page, 1_000)).at(-1);
  run.kill('ingest-0');
  const epochOf = (): Promise<number> => page.evaluate('shown.at(-1)?.epoch ?? 0');
  const start = performance.now();
  await until(async () => await epochOf() > (before?.epoch ?? 0), 'pictures of the next session', 20_000);
  console.log(`ingest killed: picture back after ${((performance.now() - start) / 1_000).toFixed(1)} s`);
}));

test('on a page that is no secure context, Media Source Extensions show the same; with tokens set, nothing is shown without one', () => withWorld({ env: { VTO__SERVING__TOKENS: TOKEN }, args: ['--host', '0.0.0.0'] }, async ({ browser, street, port }) => {
  const origin = `http://${FOREIGN}:${port}`;
  const stranger = await browser.newPage();
  assert.is((await stranger.goto(`${origin}/live/street`))?.status(), 401);
  await stranger.fill('#access_token', 'not-the-token');
  await stranger.click('button');
  assert.is(await stranger.locator('h1').textContent(), 'Token needed');
  assert.is(await stranger.evaluate("fetch('/api/v1/cameras').then(({ status }) => status)"), 401);
  await stranger.close();
  const { page, problems } = await open(browser, `${origin}/live/street?access_token=${TOKEN}`);
  assert.is(page.url(), `${origin}/live/street`);
  assert.is(await page.evaluate("isSecureContext || document.querySelector('#stage video') === null"), false);
  await page.waitForTimeout(2_000); // the player comes up to the present
  const decodedFrames = (): Promise<number> => page.evaluate("document.querySelector('#stage video').getVideoPlaybackQuality().totalVideoFrames");
  const before = await decodedFrames();
  const shown = await collect(page, WATCHED_MS, 10);
  const decoded = await decodedFrames() - before;
  if (outOf !== undefined) await page.screenshot({ path: join(outOf, 'mse.png') });
  assert.equal(problems, []);
  judgeMedia(shown, decoded, street);
}));

/** A media element paces by itself, holds a little back, and tells of the frames that a slow compositor got round to: what it played is judged, the rest is told. */
function judgeMedia(shown: readonly Shown[], decoded: number, street: CountedStreet): void {
  const seconds = ((shown.at(-1)?.shownAt ?? 0) - (shown[0]?.shownAt ?? 0)) / 1_000;
  const fps = decoded / seconds;
  const ages = shown.map(({ shownAt, arrivedAt }) => shownAt - arrivedAt / 1_000);
  const withBoxes = shown.filter(({ boxes }) => boxes !== null);
  const read = shown.filter(({ counter }) => counter !== null);
  const off = read.map(({ counter, frameSeq }) => Math.abs((counter ?? 0) - frameSeq % street.frames)).filter((each) => each > 1 && each < street.frames - 1).length;
  console.log(`MSE: ${fps.toFixed(1)} fps played, ${(shown.length / seconds).toFixed(1)} told of, arrival to screen p50 ${percentile(ages, 0.5).toFixed(0)} ms, ${withBoxes.length} of ${shown.length} with their boxes, ${off} of ${read.length} more than a frame off`);
  assert.ok(fps >= 20, `${fps} fps`);
  assert.ok(withBoxes.length > 0);
  assert.ok(read.length > 5 && off <= read.length * 0.1, `${off} of ${read.length} pictures are more than a frame from what the page says`);
}

test.run();
