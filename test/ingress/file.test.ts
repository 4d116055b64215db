import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { MediaAccess } from '../../src/ingress/media-access.ts';
import type { SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { makeClipFile } from '../support/clip.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeMedia, fakeReader, packet } from '../support/fake-media.ts';
import { sharedData } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const signal = new AbortController().signal;
const folder = temporaryFolder();

async function opened(uri: string, options: object, media: MediaAccess = libavAccess, clock: Clock = fakeClock()): Promise<SourceSession> {
  const source = await createSource({ uri, options, media, ctx: { clock, random: seededRandom(1) } });
  return source.open(signal);
}

async function unitsOf(session: SourceSession, most = Infinity): Promise<SourceUnit[]> {
  const units: SourceUnit[] = [];
  while (units.length < most) {
    const unit = await session.next(signal);
    if (unit === undefined) break;
    units.push(unit);
  }
  await session.close();
  return units;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no failure', (error: unknown) => (error instanceof PlatformError ? error.code : String(error)));
}

test('a batch gives every unit at once, event time from 1970 plus PTS, parameters with the first', async () => {
  const clip = await makeClipFile({ bFrames: 2 });
  const session = await opened(clip, { isPaced: false });
  assert.is(session.isLive, false);
  assert.is(session.expectedUnits, 50);
  const units = await unitsOf(session);
  assert.is(units.length, 50);
  assert.equal(units.map(({ parameters }) => parameters?.width), [320, ...Array.from({ length: 49 })]);
  const seconds = units.map(({ capturedAt }) => capturedAt / 1e6).toSorted((left, right) => left - right);
  assert.equal(seconds.map((second) => Math.round(second * 25)), Array.from({ length: 50 }, (_, index) => index));
});

test('a batch starts at the configured time', async () => {
  const [first] = await unitsOf(await opened(await makeClipFile(), { isPaced: false, startedAt: '2026-01-31T08:00:00Z' }), 1);
  assert.is(first!.capturedAt, Date.parse('2026-01-31T08:00:00Z') * 1000);
});

test('a looping file goes on with its time stamps and tells its parameters once', async () => {
  const units = await unitsOf(await opened(await makeClipFile({ bFrames: 2 }), { isPaced: false, isLooping: true }), 151);
  const pts = units.slice(0, 150).map((unit) => unit.pts!).toSorted((left, right) => left - right);
  assert.equal(pts.slice(1).map((value, index) => value - pts[index]!), Array.from({ length: 149 }, () => pts[1]! - pts[0]!));
  assert.ok(units.every((unit, index) => index === 0 || unit.dts! > units[index - 1]!.dts!));
  assert.is(units.filter(({ parameters }) => parameters !== undefined).length, 1);
});

test('a looping file without pictures fails instead of turning for ever', async () => {
  const media = fakeMedia(fakeReader([]));
  const clip = await makeClipFile();
  assert.is(await failure(unitsOf(await opened(clip, { isLooping: true, isPaced: false }, media))), 'MEDIA_INVALID');
});

test('a paced file keeps the time of its units, from the moment of opening', async () => {
  const clock = fakeClock(1_700_000_000_000_000);
  const media = fakeMedia(fakeReader([0, 1, 2, 3].map((mark) => packet(mark, { pts: 90_000 + mark * 3600, dts: 90_000 + mark * 3600 }))));
  const session = await opened(await makeClipFile(), {}, media, clock);
  assert.is(session.isLive, true);
  assert.is((await session.next(signal))?.capturedAt, 1_700_000_000_000_000);
  for (let frame = 1; frame < 4; frame++) {
    const next = session.next(signal);
    await clock.advance(39);
    assert.is(clock.sleeping(), 1, 'not due yet');
    await clock.advance(1);
    assert.is((await next)?.capturedAt, 1_700_000_000_000_000 + frame * 40_000);
  }
});

test('a wait that is broken off loses no unit', async () => {
  const clock = fakeClock();
  const session = await opened(await makeClipFile(), {}, fakeMedia(fakeReader([packet(0), packet(1)])), clock);
  await session.next(signal);
  const controller = new AbortController();
  const waiting = session.next(controller.signal);
  await clock.advance(10);
  controller.abort(new Error('not now'));
  assert.is(await failure(waiting), 'Error: not now');
  const next = session.next(signal);
  await clock.advance(40);
  assert.is((await next)?.data[0], 1);
});

test('unreadable packets are left out and counted', async () => {
  const bad = new PlatformError('MEDIA_CORRUPT', 'bad packet');
  const session = await opened(await makeClipFile(), { isPaced: false }, fakeMedia(fakeReader([packet(0), bad, bad, packet(1)])));
  assert.equal((await unitsOf(session)).map(({ data }) => data[0]), [0, 1]);
  assert.is(session.unreadablePackets, 2);
});

test('nothing but unreadable packets is an error, not an endless search', async () => {
  const bad = Array.from({ length: 500 }, () => new PlatformError('MEDIA_CORRUPT', 'bad packet'));
  assert.is(await failure(unitsOf(await opened(await makeClipFile(), { isPaced: false }, fakeMedia(fakeReader(bad))))), 'MEDIA_INVALID');
});

test('file uris and relative paths are understood, missing files named', async () => {
  const path = join(folder, 'with space & 100%.mp4');
  copyFileSync(await makeClipFile(), path);
  const uri = `file://${path.split('/').map(encodeURIComponent).join('/')}`;
  assert.is((await unitsOf(await opened(uri, { isPaced: false }), 3)).length, 3);
  assert.is((await unitsOf(await opened(path, { isPaced: false }), 3)).length, 3);
  assert.is(await failure(opened(join(folder, 'none.mp4'), {})), 'SOURCE_NOT_FOUND');
  assert.is(await failure(opened('file:///%zz', {})), 'CONFIG_INVALID');
});

test('a file that is no media is refused', async () => {
  const path = join(folder, 'text.mp4');
  writeFileSync(path, 'this is no film, only words. '.repeat(100));
  assert.is(await failure(opened(path, { isPaced: false })), 'MEDIA_INVALID');
});

test('unknown options and unknown schemes are refused, with the place of the option', async () => {
  const ctx = { clock: fakeClock(), random: seededRandom(1) };
  await createSource({ uri: 'a.mp4', options: { isPaced: 3 }, path: 'cameras.dock.source', media: libavAccess, ctx })
    .then(() => assert.unreachable(), (error: Error) => assert.match(error.message, 'cameras.dock.source.isPaced'));
  assert.is(await failure(createSource({ uri: 'a.mp4', options: { looping: true }, media: libavAccess, ctx })), 'CONFIG_INVALID');
  await createSource({ uri: 'gopher://x', media: libavAccess, ctx })
    .then(() => assert.unreachable(), (error: Error) => assert.match(error.message, "unknown source 'gopher' (known: file, onvif, rtsp, rtsps, synthetic, whip)"));
});

test('a stream that changes its size inside a file says so with the unit', async () => {
  const path = sharedData('videos/vali_test_res_change.h264');
  if (path === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const units = await unitsOf(await opened(path, { isPaced: false }));
  const changes = units.flatMap(({ parameters }, index) => (parameters === undefined ? [] : [[index, parameters.width, parameters.height]]));
  assert.equal(changes, [[0, 848, 464], [49, 424, 232]]);
  assert.is(units.length, 96);
});

test('a folder of pictures is read in order of names, numbers as numbers, with a rate and changing sizes', async () => {
  const source = sharedData('images');
  if (source === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const { readdirSync } = await import('node:fs');
  const pictures = readdirSync(source, { recursive: true }).map(String).filter((name) => /\.jpe?g$/i.test(name)).slice(0, 3);
  const target = join(folder, 'pictures');
  mkdirSync(target);
  for (const [index, name] of pictures.entries()) copyFileSync(join(source, name), join(target, `shot %d ${[10, 9, 1][index]}.jpg`));
  writeFileSync(join(target, 'shot %d 5.jpg'), 'not a picture');
  writeFileSync(join(target, 'readme.txt'), 'ignored');
  const session = await opened(target, { isPaced: false, rateHz: 2 });
  assert.is(session.expectedUnits, 4);
  const units = await unitsOf(session);
  assert.equal(units.map(({ capturedAt, isKey }) => [capturedAt, isKey]), [[0, true], [1_000_000, true], [1_500_000, true]]);
  assert.is(units[0]!.parameters?.codec, 'mjpeg');
  assert.is(session.unreadablePackets, 1);
});

test('a folder without pictures is refused', async () => {
  assert.is(await failure(opened(temporaryFolder(), {})), 'MEDIA_INVALID');
});

test.run();
