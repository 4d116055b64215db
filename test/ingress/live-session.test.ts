import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createSource } from '../../src/ingress/index.ts';
import type { Source } from '../../src/ingress/source.ts';
import type { MediaAccess } from '../../src/ingress/media-access.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { fakeMedia, fakeReader, packet } from '../support/fake-media.ts';

const signal = new AbortController().signal;
const camera = (media: MediaAccess, clock: FakeClock): Promise<Source> => createSource({ uri: 'rtsp://u:p@cam/1', media, knock: async () => undefined, ctx: { clock, random: seededRandom(1) } });
const codeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'no failure', (error: unknown) => (error instanceof PlatformError ? error.code : String(error)));

test('a read that libav never ends is left behind: the stall is told, and close returns', async () => {
  const clock = fakeClock();
  const session = await (await camera(fakeMedia(fakeReader([packet(0), 'stuck'])), clock)).open(signal);
  await session.next(signal);
  const stalled = codeOf(session.next(signal));
  await clock.advance(2000);
  assert.is(await stalled, 'SOURCE_STALLED');
  const closing = session.close();
  await clock.advance(200);
  await closing;
});

test('readers left behind are limited: the third connection waits for one of them', async () => {
  const clock = fakeClock();
  const stuck = Array.from({ length: 2 }, () => fakeReader(['stuck']));
  const media = fakeMedia(...stuck, fakeReader([packet(0)]));
  const source = await camera(media, clock);
  for (let round = 0; round < 2; round++) {
    const session = await source.open(signal);
    const stalled = codeOf(session.next(signal));
    await clock.advance(5000);
    assert.is(await stalled, 'SOURCE_STALLED');
    const closing = session.close();
    await clock.advance(200);
    await closing;
  }
  const third = codeOf(source.open(signal));
  await clock.advance(5000);
  assert.is(await third, 'SOURCE_UNREACHABLE');
  assert.is(media.opened.length, 2);
});

test('an open that libav never ends is given up, and its reader closed should it come', async () => {
  const clock = fakeClock();
  const late = Promise.withResolvers<ReturnType<typeof fakeReader>>();
  const source = await camera({ ...fakeMedia(), openReader: () => late.promise }, clock);
  const opening = codeOf(source.open(signal));
  await clock.advance(5000);
  assert.is(await opening, 'SOURCE_UNREACHABLE');
  const reader = fakeReader([]);
  late.resolve(reader);
  await settle();
  assert.ok(reader.isClosed);
});

test('a session begins with a key unit', async () => {
  const reader = fakeReader([packet(1), packet(2), packet(3, { isKey: true }), packet(4)]);
  const session = await (await camera(fakeMedia(reader), fakeClock())).open(signal);
  assert.equal([(await session.next(signal))?.data[0], (await session.next(signal))?.data[0]], [3, 4]);
});

test('a camera that sends pictures but no key frame is given up', async () => {
  const clock = fakeClock();
  const packets = Array.from({ length: 100 }, (_, index) => packet(index + 1));
  const reader = fakeReader(packets);
  const slow = { ...reader, read: async () => { await clock.sleep(1000); return reader.read(); }, interrupt: () => reader.interrupt(), close: () => reader.close() };
  const session = await (await camera(fakeMedia(slow), clock)).open(signal);
  const failed = codeOf(session.next(signal));
  await clock.advance(32_000);
  assert.is(await failed, 'SOURCE_STALLED');
});

test('the PTS that libav keeps from us is put back, by the camera clock where there is one', async () => {
  const withClock = fakeReader([packet(0, { pts: null, cameraClockMicros: 1_000_000 }), packet(9, { pts: 10_800, cameraClockMicros: 1_080_000 })]);
  const without = fakeReader([packet(0, { pts: null }), packet(1)]);
  for (const [reader, pts] of [[withClock, 3600], [without, 0]] as const) {
    const session = await (await camera(fakeMedia(reader), fakeClock())).open(signal);
    assert.is((await session.next(signal))?.pts, pts);
    assert.is((await session.next(signal))?.data[0], reader === withClock ? 9 : 1);
  }
});

test('the end of a camera stream is a lost connection', async () => {
  const session = await (await camera(fakeMedia(fakeReader([packet(0)])), fakeClock())).open(signal);
  await session.next(signal);
  assert.is(await codeOf(session.next(signal)), 'SOURCE_UNREACHABLE');
});

test('a change of parameters comes with its unit only', async () => {
  const reader = fakeReader([packet(0), packet(100, { isKey: true }), packet(100, { isKey: true }), packet(3)]);
  const session = await (await camera(fakeMedia(reader), fakeClock())).open(signal);
  const widths: (number | undefined)[] = [];
  for (let index = 0; index < 4; index++) widths.push((await session.next(signal))?.parameters?.width);
  assert.equal(widths, [320, 100, undefined, undefined]);
});

test.run();
