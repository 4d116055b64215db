import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { transcode, type TranscodeOptions } from '../../../actors/preview/transcode.ts';
import type { Mpeg1Encoder } from '../../../actors/preview/mpeg1-encoder.ts';
import type { Clock } from '../../../src/engine/clock.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { fragmentHeadAt } from '../../../src/messages/fragment-times.ts';
import type { LiveItem } from '../../../src/messages/live-item.ts';
import { LIVE_HEAD_BYTES } from '../../../src/messages/live-message.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { fakeFfmpeg, type FakeFfmpegKind } from '../../support/fake-ffmpeg.ts';
import { liveStart, liveUnit } from '../../support/live-items.ts';

/** A camera that sends these and then nothing more. */
function camera(items: readonly LiveItem[]): TranscodeOptions['items'] {
  return async function* sent(signal) {
    yield* items;
    await new Promise<void>(resolve => { signal.addEventListener('abort', () => resolve(), { once: true }); });
  };
}

/** An ffmpeg that turns what a camera sends into what viewers get. */
function world(kind: FakeFfmpegKind | undefined, items: readonly LiveItem[], clock: Clock = systemClock) {
  const out: number[] = [];
  const leaving = new AbortController();
  let encoder: Mpeg1Encoder | undefined;
  const running = transcode({
    items: camera(items), ffmpegPath: kind === undefined ? '/nonexistent/ffmpeg' : fakeFfmpeg(kind), clock,
    onStart: started => { encoder = started; }, onBytes: bytes => { out.push(...bytes); },
  }, leaving.signal);
  const ended = running.then(() => 'began anew', (error: unknown) => (error instanceof PlatformError ? `${error.code}: ${error.message}` : String(error)));
  return { out, leaving, ended, get encoder() { return encoder; } };
}

const fragment = (frameSeq: number, ticks: number, isKey = false): number[] => {
  const unit = liveUnit(frameSeq, isKey);
  return [...fragmentHeadAt(unit.fragmentHead, ticks), ...unit.message.subarray(LIVE_HEAD_BYTES)];
};

const isGone = (pid: number | undefined): boolean => {
  try { process.kill(pid ?? 0, 0); return false; } catch { return true; }
};

test('ffmpeg gets what the camera sends from a key frame on, on a clock that begins at nought, and says the size', async () => {
  const made = world('echo', [liveStart(), liveUnit(6), liveUnit(7, true), liveUnit(8), { kind: 'gap', reason: 'slow', units: 3 }, liveUnit(12), liveUnit(13, true)]);
  const wanted = [...liveStart().header, ...fragment(7, 0, true), ...fragment(8, 3600), ...fragment(13, 6 * 3600, true)];
  await eventually(() => made.out.length >= wanted.length, 'all of it comes out', 10_000);
  assert.equal(made.out, wanted);
  assert.equal(made.encoder?.size, { width: 640, height: 360 });
  made.leaving.abort(new Error('nobody watches'));
  assert.match(await made.ended, 'nobody watches');
  await eventually(() => isGone(made.encoder?.pid), 'ffmpeg is gone', 5_000);
});

test('a stream that begins anew, or a camera that is lost, ends this ffmpeg: the next one starts there', async () => {
  for (const last of [liveStart(2), { kind: 'gap', reason: 'session', units: 0 } as const]) {
    const made = world('echo', [liveStart(), liveUnit(0, true), last]);
    assert.is(await made.ended, 'began anew');
    await eventually(() => isGone(made.encoder?.pid), 'ffmpeg is gone', 5_000);
  }
});

test('an ffmpeg that ends says how, with its last words', async () => {
  assert.match(await world('short', [liveStart(), liveUnit(0, true)]).ended, /^PROCESS_EXITED: ffmpeg ended with code 1: Conversion failed!$/);
});

test('a missing ffmpeg is a named error, not the end of the process', async () => {
  // Pinned: the package leaves the failure to start unheard, which ends the process.
  assert.match(await world(undefined, [liveStart(), liveUnit(0, true)]).ended, /^FFMPEG_MISSING: ffmpeg cannot be run \(ENOENT\)/);
});

test('an ffmpeg that is given pictures and shows none is given up', async () => {
  const clock = fakeClock();
  const made = world('silent', [liveStart(), liveUnit(0, true), liveUnit(1)], clock);
  await eventually(() => made.encoder?.size !== undefined, 'it runs', 10_000);
  await clock.advance(5_000);
  await clock.advance(1_500);
  assert.match(await made.ended, /^STALLED: ffmpeg was given pictures for 6 s and showed none$/);
  await eventually(() => isGone(made.encoder?.pid), 'ffmpeg is gone', 5_000);
});

test.run();
