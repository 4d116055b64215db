import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { epochMicros } from '../../src/engine/units.ts';
import { cameraClock } from '../../src/ingress/camera-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import { changedParameters } from '../../src/media/index.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { parseStreamUri, STREAM_SCHEMES } from '../../src/serving-ops/stream-uri.ts';
import { encodeLogin, redactUri } from '../../src/utility-ops/redact-uri.ts';
import { makeClip } from '../support/clip.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeMedia, fakeReader, packet, PARAMETERS, type Step } from '../support/fake-media.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { forEachCase, FUZZ_CASES, type FuzzRandom } from '../support/fuzz.ts';

const signal = new AbortController().signal;
const TIMES = [0, 1, -1, 3600, 2 ** 31, -(2 ** 31), 2 ** 33, 2 ** 52, -(2 ** 52), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
const clips = await Promise.all((['h264', 'hevc'] as const).map((codec) => makeClip({ codec, width: 160, height: 96, frames: 20, gop: 5 })));

/** Each test tries many inputs in a case: they take microseconds. */
const EACH = 40;

function timeOf(random: FuzzRandom, steady: number): number {
  return random.next() < 0.7 ? steady : random.next() < 0.5 ? random.pick(TIMES) : Math.round((random.next() - 0.5) * 2 ** 40);
}

test('whatever times a camera gives, event time is a whole number that grows with them', async () => {
  let units = 0;
  await forEachCase('event time', (random) => {
    for (let each = 0; each < EACH; each++) {
      const clock = cameraClock({ offsetMaxMs: random.pick([0, 200, 3_600_000]), jitterMaxMs: random.pick([0, 100, 60_000]) });
      let arrivedAt = 1_700_000_000_000_000;
      let shown: { pts: number; at: number } | undefined;
      for (let index = 0; index < 20; index++) {
        arrivedAt += timeOf(random, 40_000) % 1e9;
        const ptsMicros = random.next() < 0.05 ? null : timeOf(random, index * 40_000);
        clock.see({ ptsMicros, cameraMicros: random.next() < 0.3 ? null : timeOf(random, arrivedAt), begunAt: epochMicros(arrivedAt) });
        const at = clock.capturedAt(ptsMicros, epochMicros(arrivedAt));
        assert.ok(Number.isSafeInteger(at), `${at}`);
        if (ptsMicros !== null && shown !== undefined && ptsMicros > shown.pts) assert.ok(at >= shown.at, `${at} after ${shown.at}`);
        shown = ptsMicros === null ? shown : { pts: ptsMicros, at };
        units++;
      }
    }
  });
  console.log(`event time: ${FUZZ_CASES * EACH} cameras, ${units} units`);
});

test('whatever units a camera sends, a session gives units and errors by name', async () => {
  await forEachCase('session', async (random) => {
    const clip = random.pick(clips);
    const steps = Array.from({ length: 12 }, (_, index): Step => {
      if (random.next() < 0.03) return random.next() < 0.5 ? new PlatformError('SOURCE_UNREACHABLE', 'lost') : new PlatformError('MEDIA_CORRUPT', 'damaged');
      const unit = random.pick(clip.units);
      const data = random.next() < 0.4 ? unit.data : damaged(unit.data, random);
      const pts = random.next() < 0.1 ? null : timeOf(random, index * 3600);
      return packet(index, { data, pts, dts: random.next() < 0.2 ? null : pts, isKey: index === 0 || random.next() < 0.4, isCorrupt: random.next() < 0.1, cameraClockMicros: random.next() < 0.3 ? null : timeOf(random, 1.7e15 + index * 40_000) });
    });
    const media = { ...fakeMedia(fakeReader(steps, { ...PARAMETERS, codec: clip.codec })), changedParameters };
    const session = await (await createSource({ uri: 'rtsp://camera/1', media, knock: async () => undefined, ctx: { clock: fakeClock(), random: seededRandom(1) } })).open(signal);
    try {
      for (;;) {
        const unit = await session.next(signal);
        assert.ok(unit !== undefined && Number.isSafeInteger(unit.capturedAt) && unit.data.length >= 0);
      }
    } catch (error) {
      assert.ok(error instanceof PlatformError && ['SOURCE_UNREACHABLE', 'MEDIA_INVALID', 'SOURCE_STALLED'].includes(error.code), String(error));
    }
    await session.close();
  });
  console.log(`sessions: ${FUZZ_CASES} of 12 units`);
});

test('whatever key units hold, parameters are sensible, or unchanged', async () => {
  await forEachCase('parameters', (random) => {
    for (let each = 0; each < EACH; each++) {
      const clip = random.pick(clips);
      const framing = random.next() < 0.5 ? 'annexb' : 'length-prefixed';
      const current: StreamParameters = { ...PARAMETERS, codec: random.pick(['h264', 'hevc', 'mjpeg'] as const), framing, width: random.pick([0, 160]), extradata: random.next() < 0.5 ? new Uint8Array(0) : damaged(clip.units[0]!.data.subarray(0, 80), random) };
      const changed = changedParameters(damaged(clip.units[0]!.data, random), current);
      if (changed !== null) assert.ok(changed.width >= 0 && changed.width <= 65_536 && changed.height >= 0 && changed.height <= 65_536, `${changed.width}x${changed.height}`);
    }
  });
  console.log(`parameters: ${FUZZ_CASES * EACH} key units`);
});

const PIECES = ['rtsp', '://', 'user', ':', '@', 'secret-word', '/', '?', '#', 'transport=', 'udp', 'tcp', '[', ']', '::1', '127.0.0.1', ':554', '%', '%40', '=', '&', 'token', ' ', '\n', '\0', 'ä', '..', '\\', '65536', ';', '+'];

test('whatever address a camera is given, it is refused by name or made, and its label holds no password', async () => {
  await forEachCase('address', async (random) => {
    for (let each = 0; each < EACH; each++) {
      const tail = Array.from({ length: random.integer(12) }, () => random.pick(PIECES)).join('');
      const uri = `${random.pick(['rtsp', 'rtsps', 'RTSP'])}://user:hidden-word@${tail}`;
      encodeLogin(uri);
      assert.not.ok(redactUri(uri).includes('hidden-word'), uri);
      try {
        parseStreamUri(uri, STREAM_SCHEMES);
      } catch (error) {
        assert.ok(error instanceof PlatformError && !error.message.includes('hidden-word'), String(error));
      }
      try {
        const { label } = await createSource({ uri, media: fakeMedia(), ctx: { clock: fakeClock(), random: seededRandom(1) } });
        assert.not.ok(label.includes('hidden-word'), label);
      } catch (error) {
        assert.ok(error instanceof PlatformError && error.code === 'CONFIG_INVALID' && !error.message.includes('hidden-word'), String(error));
      }
    }
  });
  console.log(`addresses: ${FUZZ_CASES * EACH}`);
});

test.run();
