import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { readChunkFile } from '../../src/media/chunk-file.ts';
import { chunkExtension, createChunkWriter } from '../../src/media/chunk-writer.ts';
import { createContentHash } from '../../src/media/content-hash.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { openReader } from '../../src/media/reader.ts';
import type { ChunkWriter, MediaPacket, PacketReader } from '../../src/media/types.ts';
import type { LibavCodec } from '../../src/media/libav.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { type EncodedClip, encodeClip } from '../support/encoded-clip.ts';
import { readAll } from '../support/read-all.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
let files = 0;
const newPath = (): string => join(folder, `${files++}.mp4`);

type Unit = Parameters<ChunkWriter['write']>[0];

async function writeChunk(parameters: StreamParameters, units: readonly Unit[]): Promise<string> {
  const path = newPath();
  const writer = await createChunkWriter(path, parameters);
  for (const unit of units) await writer.write(unit);
  await writer.close();
  return path;
}

/** libav's demuxer: an implementation that is not ours. */
const libav = (path: string): Promise<PacketReader> => openReader({ uri: path, openTimeoutMs: 5_000 });

function contentOf(parameters: StreamParameters, units: readonly { readonly data: Uint8Array }[]): string {
  const hash = createContentHash();
  for (const unit of units) hash.update(unit.data, parameters);
  return hash.digest();
}

const timesOf = (units: readonly Unit[]): unknown => units.map(({ pts, dts, isKey }) => ({ pts, dts, isKey }));

const CLIPS: readonly [LibavCodec, Parameters<typeof encodeClip>[1]][] = [
  ['h264', { frames: 25, bFrames: 2 }], ['hevc', { frames: 25, bFrames: 2 }], ['av1', { frames: 12 }], ['vp8', { frames: 12 }], ['vp9', { frames: 12 }],
  ['mjpeg', { frames: 5 }], ['mpeg4', { frames: 25, bFrames: 2 }], ['png', { frames: 2 }], ['tiff', { frames: 2 }],
];
test('a chunk from the middle of a stream starts at 0 for players and keeps the time of the stream for us', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 25, bFrames: 2 });
  const hours = 5 * 3600 * 30_000;
  const late = units.map((unit) => ({ ...unit, pts: unit.pts! + hours, dts: unit.dts! + hours }));
  const path = await writeChunk(parameters, late);
  const player = await libav(path);
  assert.is(player.durationSeconds, 1);
  assert.is(Math.min(...(await readAll(player)).map(({ pts }) => pts!)), 0);
  assert.equal(timesOf(await readAll(await readChunkFile(path))), timesOf(late));
});

for (const [codec, options] of CLIPS) {
  test(`keeps content, times and key flags of ${codec}, for our reader and for libav's`, async () => {
    const { parameters, units } = encodeClip(codec, options);
    assert.is(units.length, options.frames);
    const path = await writeChunk(parameters, units);
    for (const reader of [await readChunkFile(path), await libav(path)]) {
      const read = await readAll(reader);
      assert.is(contentOf(reader.parameters, read), contentOf(parameters, units));
      assert.equal(timesOf(read), timesOf(units));
      assert.is(reader.parameters.codec, codec);
      assert.is(reader.parameters.width, parameters.width);
      const decoder = await createDecoder(reader.parameters, { threads: 1 });
      const pictures = read.flatMap((unit, frameSeq) => [...decoder.decode({ frameSeq, ...unit })]).concat(decoder.flush());
      assert.is(pictures.length, units.length);
      for (const picture of pictures) picture.free();
      decoder.close();
    }
  });
}

test('leaves the bytes of length-prefixed units as they are', async () => {
  const annexb = encodeClip('h264', { frames: 6 });
  const first = await readChunkFile(await writeChunk(annexb.parameters, annexb.units));
  const units = await readAll(first);
  assert.is(first.parameters.framing, 'length-prefixed');
  const second = await readChunkFile(await writeChunk(first.parameters, units));
  const again = await readAll(second);
  assert.equal(again.map((unit) => Buffer.from(unit.data)), units.map((unit) => Buffer.from(unit.data)));
  assert.equal(second.parameters, first.parameters);
});

test('takes the parameter sets from the first unit when the stream brings them in band only', async () => {
  for (const codec of ['h264', 'hevc'] as const) {
    const { parameters, units } = encodeClip(codec, { frames: 5, options: { flags: '-global_header' } });
    const bare = { ...parameters, extradata: new Uint8Array(0), framing: 'annexb', width: 0, height: 0 } as const;
    const reader = await libav(await writeChunk(bare, units));
    assert.is(reader.parameters.width, 160, codec);
    assert.is(reader.parameters.framing, 'length-prefixed');
    assert.is(contentOf(reader.parameters, await readAll(reader)), contentOf(bare, units), `${codec}: in-band sets survive`);
  }
});

test('records a stream whose parameter sets never came', async () => {
  for (const codec of ['h264', 'hevc'] as const) {
    const { parameters, units } = encodeClip(codec, { frames: 6, gop: 100 });
    const bare = { ...parameters, extradata: new Uint8Array(0), framing: 'annexb', width: 0, height: 0 } as const;
    const reader = await readChunkFile(await writeChunk(bare, units.slice(1)));
    assert.is(contentOf(reader.parameters, await readAll(reader)), contentOf(bare, units.slice(1)));
  }
});

function retimed(clip: EncodedClip, times: readonly (readonly [pts: number | null, dts: number | null])[]): MediaPacket[] {
  return times.map(([pts, dts], index) => ({ ...clip.units[index]!, pts, dts }));
}

test('loses no frame to missing, repeated, falling, negative or huge times, and keeps every presentation time that exists', async () => {
  const clip = encodeClip('h264', { frames: 12 });
  const cases: Record<string, (readonly [number | null, number | null])[]> = {
    missing: [[null, null], [null, null], [null, null]],
    'missing decode times': [[0, null], [7200, null], [3600, null], [10800, 3600]],
    repeated: [[0, 0], [0, 0], [0, 0], [3600, 3600]],
    falling: [[90_000, 90_000], [3600, 3600], [7200, 7200], [93_600, 93_600]],
    negative: [[-7200, -7200], [-3600, -3600], [0, 0]],
    'negative later': [[0, 0], [-90_000, -90_000], [3600, 3600]],
    huge: [[2 ** 50, 2 ** 50], [2 ** 50 + 3600, 2 ** 50 + 3600]],
    'far apart': [[0, 0], [2 ** 45, 3600], [7200, 7200]],
  };
  for (const [name, times] of Object.entries(cases)) {
    const units = retimed(clip, times);
    const path = await writeChunk(clip.parameters, units);
    for (const reader of [await readChunkFile(path), await libav(path)]) {
      const read = await readAll(reader);
      assert.is(contentOf(reader.parameters, read), contentOf(clip.parameters, units), name);
    }
    const read = await readAll(await readChunkFile(path));
    const known = read.filter((_, index) => units[index]!.pts !== null && units[index]!.pts !== 2 ** 45).map((unit) => unit.pts);
    assert.equal(known, units.map((unit) => unit.pts).filter((pts) => pts !== null && pts !== 2 ** 45), name);
    const decodeTimes = read.map((unit) => unit.dts!);
    assert.ok(decodeTimes.every((dts, index) => index === 0 || dts > decodeTimes[index - 1]!), `${name}: decode times rise`);
  }
});

test('stores times of a time base that is not 1/n exactly', async () => {
  const clip = encodeClip('h264', { frames: 3 });
  const parameters = { ...clip.parameters, timeBase: { num: 1001, den: 30_000 } };
  const reader = await readChunkFile(await writeChunk(parameters, retimed(clip, [[5, 5], [6, 6], [7, 7]])));
  assert.equal(reader.parameters.timeBase, { num: 1, den: 30_000 });
  assert.equal((await readAll(reader)).map((unit) => unit.pts), [5005, 6006, 7007]);
});

test('keeps the capture time of each unit to the microsecond', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 4 });
  const captured = [0, 999_999, 1_795_449_600_123_457, 2_208_988_800_000_001].map(epochMicros);
  const path = await writeChunk(parameters, units.map((unit, index) => ({ ...unit, capturedAt: captured[index]! })));
  assert.equal((await readAll(await readChunkFile(path))).map((unit) => unit.cameraClockMicros), captured);
  assert.is((await readAll(await libav(path))).length, 4);
});

test('has each unit in the file when write resolves', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 10 });
  const path = newPath();
  const writer = await createChunkWriter(path, parameters);
  const reader = await writer.write(units[0]!).then(() => readChunkFile(path));
  for (const [index, unit] of units.entries()) {
    if (index > 0) await writer.write(unit);
    assert.is(statSync(path).size, writer.sizeBytes);
    assert.is((await reader.read())?.pts, unit.pts);
    assert.is(await reader.read(), undefined);
  }
  await writer.sync();
  await Promise.all([writer.close(), writer.close(), reader.close()]);
});

test('adds 112 bytes a frame to the stream', async () => {
  const { parameters, units } = encodeClip('hevc', { frames: 20 });
  const sizes = [10, 20].map(async (count) => readFileSync(await writeChunk({ ...parameters, framing: 'length-prefixed' }, units.slice(0, count))).length);
  const [ten = 0, twenty = 0] = await Promise.all(sizes);
  assert.is(twenty - ten - units.slice(10).reduce((sum, unit) => sum + unit.data.length, 0), 10 * 112);
});

test('names the file when it cannot be written, and overwrites nothing', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 1 });
  const missing = join(folder, 'missing', 'a.mp4');
  const existing = await writeChunk(parameters, units);
  const before = readFileSync(existing);
  for (const path of [missing, existing]) {
    const error = await createChunkWriter(path, parameters).then(() => undefined, (thrown: unknown) => thrown);
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'RECORDING_FAILED');
    assert.match((error as PlatformError).message, path);
  }
  assert.equal(readFileSync(existing), before);
  assert.not(existsSync(missing));
  const writer = await createChunkWriter(newPath(), parameters);
  await writer.close();
  assert.is(await writer.write(units[0]!).then(() => 'written', (error: PlatformError) => error.code), 'RECORDING_FAILED');
});

test('every codec goes into MP4', () => {
  assert.is(chunkExtension(encodeClip('vp8', { frames: 1 }).parameters), '.mp4');
});

test.run();
