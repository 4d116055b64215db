import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { createContentHash } from '../../src/media/content-hash.ts';
import { codecString } from '../../src/media/codec-string.ts';
import { LiveWriter } from '../../src/media/live-writer.ts';
import { openReader } from '../../src/media/reader.ts';
import type { LibavCodec } from '../../src/media/libav.ts';
import { fragmentHeadAt } from '../../src/messages/fragment-times.ts';
import type { LiveItem, LiveStart, LiveUnit } from '../../src/messages/live-item.ts';
import { LIVE_HEAD_BYTES, readLiveHead } from '../../src/messages/live-message.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { encodeClip, type EncodedClip } from '../support/encoded-clip.ts';
import { readAll } from '../support/read-all.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();

async function write(clip: EncodedClip, { writer = new LiveWriter(), epoch = 7 } = {}): Promise<readonly LiveItem[]> {
  const items: LiveItem[] = [];
  for (const [frameSeq, packet] of clip.units.entries()) {
    const { cameraClockMicros: _, ...unit } = packet;
    items.push(...await writer.write({ epoch, parameters: clip.parameters, isAfterGap: false, isBacklog: false, unit: { ...unit, frameSeq, capturedAt: epochMicros(1e15 + frameSeq * 40_000), arrivedAt: epochMicros(1e15 + 9) } }));
  }
  return items;
}

const startsOf = (items: readonly LiveItem[]): LiveStart[] => items.filter((item) => item.kind === 'start');
const unitsOf = (items: readonly LiveItem[]): LiveUnit[] => items.filter((item) => item.kind === 'unit');

/** A file of what a viewer that came with unit `from` would have got. */
function fileOf(start: LiveStart, units: readonly LiveUnit[], name: string): string {
  const path = join(folder, name);
  const origin = units[0]?.decodeTicks ?? 0;
  writeFileSync(path, Buffer.concat([start.header, ...units.flatMap((unit) => [fragmentHeadAt(unit.fragmentHead, unit.decodeTicks - origin), unit.message.subarray(LIVE_HEAD_BYTES)])]));
  return path;
}

function contentOf(parameters: StreamParameters, units: readonly { readonly data: Uint8Array }[]): string {
  const hash = createContentHash();
  for (const unit of units) hash.update(unit.data, parameters);
  return hash.digest();
}

const CODECS: readonly [LibavCodec, Parameters<typeof encodeClip>[1], RegExp | null][] = [
  ['h264', { frames: 25, bFrames: 2 }, /^avc1\.[0-9a-f]{6}$/], ['hevc', { frames: 25, bFrames: 2 }, /^hev1\.1\.[0-9a-f]+\.L\d+(?:\.[0-9a-f]+)*$/], ['av1', { frames: 12 }, /^av01\.0\.\d\d[MH]\.08$/],
  ['vp8', { frames: 12 }, /^vp8$/], ['vp9', { frames: 12 }, /^vp09\.00\.\d\d\.08$/], ['mjpeg', { frames: 4 }, null],
];
for (const [codec, options, wanted] of CODECS) {
  test(`fragments of ${codec} hold what came, with its times, for libav; the codec has the name that browsers want`, async () => {
    const clip = encodeClip(codec, options);
    const items = await write(clip);
    const [start] = startsOf(items);
    assert.is(startsOf(items).length, 1);
    assert.ok(start !== undefined);
    if (wanted === null) assert.is(start.codecString, null);
    else assert.match(start.codecString ?? 'null', wanted);
    assert.equal([start.width, start.height, start.epoch], [160, 96, 7]);
    const reader = await openReader({ uri: fileOf(start, unitsOf(items), `${codec}.mp4`), openTimeoutMs: 5_000 });
    const read = await readAll(reader);
    assert.is(contentOf(reader.parameters, read), contentOf(clip.parameters, clip.units));
    const first = Math.min(...clip.units.map(({ dts }) => dts!));
    assert.equal(read.map(({ pts, dts }) => [pts! - read[0]!.dts!, dts! - read[0]!.dts!]), clip.units.map(({ pts, dts }) => [pts! - first, dts! - first]));
  });
}

test('a message holds the frame id, the times of the unit in microseconds and its bytes with lengths for start codes', async () => {
  const clip = encodeClip('h264', { frames: 12, gop: 5 });
  const heads = unitsOf(await write(clip)).map(({ message }) => readLiveHead(message));
  assert.equal(heads.map(({ frameSeq }) => frameSeq), clip.units.map((_, index) => index));
  assert.equal(heads.map(({ isKey }) => isKey), clip.units.map(({ isKey }) => isKey));
  assert.equal(heads.map(({ pts }) => pts), clip.units.map(({ pts }) => Math.round(pts! * 1e6 / 30_000)));
  assert.equal(heads[3], { isKey: false, isCorrupt: false, isAfterGap: false, isInit: false, frameSeq: 3, epoch: 7, pts: 120_000, capturedAt: 1e15 + 120_000, arrivedAt: 1e15 + 9, mediaTime: 120_000, duration: 40_000 });
});

test('a viewer that comes later begins at 0 with its own first key frame', async () => {
  const clip = encodeClip('h264', { frames: 20, gop: 5 });
  const items = await write(clip);
  const units = unitsOf(items).slice(10);
  assert.is(units[0]?.isKey, true);
  const reader = await openReader({ uri: fileOf(startsOf(items)[0]!, units, 'late.mp4'), openTimeoutMs: 5_000 });
  const read = await readAll(reader);
  assert.is(read.length, 10);
  assert.is(read[0]!.pts, 0);
});

test('the next session goes on where the one before ended, also with another clock, and is told as a new start', async () => {
  const writer = new LiveWriter();
  const clip = encodeClip('h264', { frames: 10, gop: 5 });
  const first = await write(clip, { writer, epoch: 1 });
  const second = await write({ ...clip, parameters: { ...clip.parameters, timeBase: { num: 1, den: 15_000 } } }, { writer, epoch: 2 });
  assert.is(startsOf(second).length, 1);
  const [before, after] = [startsOf(first)[0]!, startsOf(second)[0]!];
  const endSeconds = unitsOf(first).at(-1)!.decodeTicks / before.timescale;
  assert.ok(unitsOf(second)[0]!.decodeTicks / after.timescale > endSeconds);
  const same = await write(clip, { writer, epoch: 3 });
  assert.equal(startsOf(same)[0]!.header, before.header); // so that players of files go on
});

test('units without times and without durations are placed all the same', async () => {
  const clip = encodeClip('h264', { frames: 6 });
  const items = await write({ ...clip, parameters: { ...clip.parameters, frameRate: 0 }, units: clip.units.map((unit) => ({ ...unit, pts: null, dts: null, duration: 0 })) });
  const ticks = unitsOf(items).map(({ decodeTicks }) => decodeTicks);
  assert.equal(ticks, [0, 1200, 2400, 3600, 4800, 6000]);
});

test('names of codecs follow their records', () => {
  assert.is(codecString('h264', Uint8Array.of(1, 0x64, 0, 0x28)), 'avc1.640028');
  // The example of ISO/IEC 14496-15, E.3: Main profile, level 3.1, progressive: hev1.1.6.L93.B0
  assert.is(codecString('hevc', Uint8Array.of(1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93)), 'hev1.1.6.L93.b0');
  assert.is(codecString('av1', Uint8Array.of(0x81, 0x04, 0x0c)), 'av01.0.04M.08');
  assert.is(codecString('av1', Uint8Array.of(0x81, 0x2d, 0xcc)), 'av01.1.13H.10');
  for (const codec of ['mjpeg', 'mpeg4', 'png', 'tiff', 'fff'] as const) assert.is(codecString(codec, new Uint8Array(20)), null);
  assert.is(codecString('h264', new Uint8Array(0)), null);
});

test.run();
