import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createChunkWriter } from '../../src/media/chunk-writer.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { listenToLibav } from '../../src/media/libav.ts';
import { isClosedGopStart, parameterSetsDiffer } from '../../src/media/nal.ts';
import { openReader, type ReaderOptions } from '../../src/media/reader.ts';
import { scrubUri } from '../../src/media/reader-errors.ts';
import type { LibavCodec } from '../../src/media/libav.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { readAll } from '../support/read-all.ts';
import { spawnRtspServer } from '../support/rtsp-server-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const LIMIT = 5_000;

async function failureOf(options: Partial<ReaderOptions> & { readonly uri: string }): Promise<PlatformError> {
  const error = await openReader({ openTimeoutMs: LIMIT, ...options }).then((reader) => reader.close(), (thrown: unknown) => thrown);
  assert.instance(error, PlatformError, `${options.uri} should have been refused`);
  return error as PlatformError;
}

async function clipFile(name: string, codec: LibavCodec, frames = 10): Promise<string> {
  const path = join(folder, name);
  const { parameters, units } = encodeClip(codec, { frames });
  const writer = await createChunkWriter(path, parameters);
  for (const unit of units) await writer.write(unit);
  await writer.close();
  return path;
}

function listen(server: Server): Promise<number> {
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)));
}

/** A TCP server that treats every connection as told; closed with all its connections. */
async function withServer(onConnection: (socket: Socket) => void, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  const port = await listen(server);
  try {
    await work(port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  }
}

test('names what is wrong with a file', async () => {
  const noise = join(folder, 'noise.mp4');
  writeFileSync(noise, Buffer.from('this is a text and no video'.repeat(100)));
  assert.is((await failureOf({ uri: join(folder, 'missing.mp4') })).code, 'SOURCE_NOT_FOUND');
  assert.is((await failureOf({ uri: noise })).code, 'MEDIA_INVALID');
  assert.is((await failureOf({ uri: folder })).code, 'SOURCE_NOT_FOUND');
  assert.is((await failureOf({ uri: 'gopher9://host/x' })).code, 'MEDIA_UNSUPPORTED');
  assert.is((await failureOf({ uri: noise, format: 'no-such-demuxer' })).code, 'MEDIA_UNSUPPORTED');
});

test('refuses media without video and codecs that are not ours', async () => {
  const silence = Buffer.alloc(44 + 800);
  silence.write('RIFF', 0); silence.writeUInt32LE(silence.length - 8, 4); silence.write('WAVEfmt ', 8);
  silence.writeUInt32LE(16, 16); silence.writeUInt16LE(1, 20); silence.writeUInt16LE(1, 22); silence.writeUInt32LE(8000, 24);
  silence.writeUInt32LE(16_000, 28); silence.writeUInt16LE(2, 32); silence.writeUInt16LE(16, 34); silence.write('data', 36); silence.writeUInt32LE(800, 40);
  const sound = join(folder, 'sound.wav');
  writeFileSync(sound, silence);
  const noVideo = await failureOf({ uri: sound });
  assert.is(noVideo.code, 'MEDIA_INVALID');
  assert.match(noVideo.message, 'no video stream');
  const raw = await failureOf({ uri: 'color=c=red:size=64x64:rate=5:duration=1', format: 'lavfi' });
  assert.is(raw.code, 'MEDIA_UNSUPPORTED');
  assert.match(raw.message, /codec (rawvideo|wrapped_avframe)/);
});

test('reads a file to its end, any number of times', async () => {
  const path = await clipFile('clip.mp4', 'h264');
  const reader = await openReader({ uri: path, openTimeoutMs: LIMIT });
  assert.equal({ ...reader.parameters, extradata: reader.parameters.extradata[0] }, {
    codec: 'h264', width: 160, height: 96, extradata: 1, timeBase: { num: 1, den: 30_000 }, framing: 'length-prefixed', frameRate: 25,
  });
  let count = 0;
  while (await reader.read() !== undefined) count++;
  assert.is(count, 10);
  assert.is(await reader.read(), undefined);
  await Promise.all([reader.close(), reader.close()]);
  assert.is(await reader.read().then(() => '', (error: PlatformError) => error.code), 'SOURCE_STALLED', 'a closed reader reads no more');
});

test('opens without probing and still knows size and framing from the extradata', async () => {
  const path = await clipFile('unprobed.mp4', 'hevc');
  const reader = await openReader({ uri: path, openTimeoutMs: LIMIT, skipProbe: true });
  assert.is(reader.parameters.width, 160);
  assert.is(reader.parameters.framing, 'length-prefixed');
  assert.is((await readAll(reader)).length, 10);
});

test('reads raw Annex B, whose packets have no times', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 10, options: { flags: '-global_header' } });
  const path = join(folder, 'raw.h264');
  writeFileSync(path, Buffer.concat(units.map((unit) => unit.data)));
  const reader = await openReader({ uri: path, openTimeoutMs: LIMIT });
  assert.is(reader.parameters.framing, 'annexb');
  const read = await readAll(reader);
  assert.equal(read.map((unit) => Buffer.from(unit.data)), units.map((unit) => Buffer.from(unit.data)));
  assert.is(read[0]?.pts, null);
  assert.is(parameters.codec, reader.parameters.codec);
});

test('reads pictures as one packet that decodes', async () => {
  for (const [codec, name] of [['png', 'picture.png'], ['mjpeg', 'picture.jpg']] as const) {
    const path = join(folder, name);
    writeFileSync(path, encodeClip(codec, { frames: 1 }).units[0]!.data);
    const reader = await openReader({ uri: path, openTimeoutMs: LIMIT });
    const read = await readAll(reader);
    assert.is(read.length, 1);
    assert.is(reader.parameters.codec, codec);
    const decoder = await createDecoder(reader.parameters, { threads: 1 });
    const pictures = [...decoder.decode({ frameSeq: 0, ...read[0]! }), ...decoder.flush()];
    assert.equal(pictures.map((picture) => [picture.width, picture.height]), [[160, 96]]);
    for (const picture of pictures) picture.free();
    decoder.close();
  }
});

test('names a refused connection, without the credentials of the URI', async () => {
  let port = 0;
  await withServer(() => undefined, async (free) => { port = free; });
  for (const protocol of ['rtsp', 'http', 'tcp']) {
    const error = await failureOf({ uri: `${protocol}://admin:s3cret@127.0.0.1:${port}/live?token=s3cret` });
    assert.is(error.code, 'SOURCE_UNREACHABLE', protocol);
    assert.not.match(JSON.stringify([error.message, error.facts]), 's3cret');
  }
  assert.is(scrubUri('rtsp://user:p@ss/w@host:554/a?b=c'), 'rtsp://host:554/a');
  assert.is(scrubUri('/a folder/with?mark.mp4'), '/a folder/with?mark.mp4');
});

test('names refused credentials', async () => {
  for (const status of [401, 403]) {
    const server = createHttpServer((_request, response) => { response.writeHead(status).end(); });
    const port = await listen(server);
    assert.is((await failureOf({ uri: `http://127.0.0.1:${port}/clip.mp4` })).code, 'SOURCE_REFUSED');
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  await withServer((socket) => socket.on('data', (request) => {
    const sequence = /CSeq: (\d+)/.exec(request.toString())?.[1] ?? '1';
    const isOptions = request.toString().startsWith('OPTIONS');
    socket.write(`RTSP/1.0 ${isOptions ? '200 OK' : '401 Unauthorized'}\r\nCSeq: ${sequence}\r\n${isOptions ? 'Public: DESCRIBE, SETUP, PLAY' : 'WWW-Authenticate: Basic realm="x"'}\r\n\r\n`);
  }), async (port) => {
    assert.is((await failureOf({ uri: `rtsp://u:wrong@127.0.0.1:${port}/live`, libavOptions: { rtsp_transport: 'tcp' } })).code, 'SOURCE_REFUSED');
  });
});

test('gives up on a peer that accepts and never answers', async () => {
  for (const protocol of ['rtsp', 'http']) {
    await withServer(() => undefined, async (port) => {
      const error = await failureOf({ uri: `${protocol}://127.0.0.1:${port}/live`, openTimeoutMs: 300 });
      assert.is(error.code, 'SOURCE_UNREACHABLE', protocol);
    });
  }
});

test('a signal ends opening with its reason', async () => {
  const stop = new AbortController();
  await withServer(() => setImmediate(() => stop.abort(new Error('stopped'))), async (port) => {
    const error = await openReader({ uri: `rtsp://127.0.0.1:${port}/live`, openTimeoutMs: 20_000, signal: stop.signal }).then(() => undefined, (thrown: unknown) => thrown);
    assert.is((error as Error).message, 'stopped');
  });
});

/** A server that sends the whole clip but its tail, then falls silent or hangs up. */
async function withBrokenStream(onSent: (socket: Socket) => void, work: (uri: string) => Promise<void>): Promise<void> {
  const { units } = encodeClip('mjpeg', { frames: 8 });
  const stream = Buffer.concat(units.map((unit) => unit.data));
  await withServer((socket) => socket.write(stream.subarray(0, -20), () => onSent(socket)), (port) => work(`tcp://127.0.0.1:${port}`));
}

async function readToFailure(options: ReaderOptions, onPacket: (reader: { interrupt(): void }) => void = () => undefined): Promise<{ packets: number; code: string }> {
  const reader = await openReader(options);
  let packets = 0;
  try {
    while (await reader.read() !== undefined) {
      packets++;
      onPacket(reader);
    }
    return { packets, code: 'end' };
  } catch (error) {
    return { packets, code: (error as PlatformError).code };
  } finally {
    await reader.close();
  }
}

test('says that a camera hung up or fell silent, instead of an end', async () => {
  await withBrokenStream((socket) => socket.end(), async (uri) => {
    const { packets, code } = await readToFailure({ uri, format: 'mjpeg', skipProbe: true, openTimeoutMs: 2_000 });
    assert.ok(packets >= 6);
    assert.is(code, 'SOURCE_UNREACHABLE');
  });
  await withBrokenStream(() => undefined, async (uri) => {
    const { packets, code } = await readToFailure({ uri, format: 'mjpeg', skipProbe: true, openTimeoutMs: 400 });
    assert.ok(packets >= 6);
    assert.is(code, 'SOURCE_STALLED');
  });
});

test('interrupt ends a read that waits, close ends one too', async () => {
  await withBrokenStream(() => undefined, async (uri) => {
    const reader = await openReader({ uri, format: 'mjpeg', skipProbe: true, openTimeoutMs: 30_000 });
    for (let packet = 0; packet < 6; packet++) await reader.read();
    const waiting = (async () => { for (;;) if (await reader.read() === undefined) return 'end'; })().catch((error: PlatformError) => error.code);
    setImmediate(() => reader.interrupt());
    assert.is(await waiting, 'SOURCE_STALLED');
    await reader.close();
  });
  await withBrokenStream(() => undefined, async (uri) => {
    const reader = await openReader({ uri, format: 'mjpeg', skipProbe: true, openTimeoutMs: 30_000 });
    for (let packet = 0; packet < 6; packet++) await reader.read();
    const waiting = (async () => { for (;;) if (await reader.read() === undefined) return 'end'; })().catch((error: PlatformError) => error.code);
    await reader.close();
    assert.is(await waiting, 'SOURCE_STALLED');
  });
});

test('a camera opened without probing: size, Annex B, closed GOPs, and its own clock at each packet', async () => {
  const server = await spawnRtspServer();
  try {
    for (const codec of ['h264', 'hevc'] as const) {
      const uri = await server.add(codec, { codec, width: 320, height: 240, fps: 25 });
      const reader = await openReader({ uri, openTimeoutMs: LIMIT, skipProbe: true, libavOptions: { rtsp_transport: 'tcp' } });
      assert.equal([reader.parameters.width, reader.parameters.height, reader.parameters.framing], [320, 240, 'annexb'], codec);
      const units = [];
      while (units.length < 30) units.push((await reader.read())!);
      await reader.close();
      assert.ok(isClosedGopStart(reader.parameters, units[0]!));
      assert.not(units.some((unit) => parameterSetsDiffer(reader.parameters, unit.data)));
      const clocks = units.slice(10).map((unit) => unit.cameraClockMicros);
      assert.ok(clocks.every((clock, index) => clock !== null && (index === 0 || Math.abs(clock - clocks[index - 1]! - 40_000) < 2_000)), `${codec}: ${clocks.join()}`);
    }
  } finally {
    await server.close();
  }
});

test('passes libav\'s own words on when asked', async () => {
  const lines: string[] = [];
  listenToLibav((line) => lines.push(line));
  await failureOf({ uri: await clipFile('listened.mp4', 'h264').then((path) => { writeFileSync(path, Buffer.alloc(2000, 1)); return path; }) });
  for (let turn = 0; turn < 100 && lines.length === 0; turn++) await new Promise(setImmediate);
  listenToLibav(undefined);
  assert.ok(lines.length > 0);
});

test.run();
