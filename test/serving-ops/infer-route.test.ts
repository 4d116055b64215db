import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { detected, dropped } from '../support/fake-backend.ts';
import { eventually } from '../support/eventually.ts';
import { readLines } from '../support/line-reader.ts';
import { withGateway } from '../support/with-gateway.ts';

test('streams each detected frame as one line as soon as it is committed', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('dock-1');
  backend.append(detected('dock-1', 0));
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1');
  assert.is(reader.status, 200);
  assert.match(reader.response.headers['content-type'] ?? '', 'application/x-ndjson');
  await eventually(() => backend.readers === 1, 'the reader is attached');
  backend.append(detected('dock-1', 1));
  await eventually(() => reader.lines.length === 1, 'the first line');
  backend.append(dropped('dock-1', 2, 4));
  backend.append(detected('other', 9));
  backend.append(detected('dock-1', 5));
  await eventually(() => reader.lines.length === 2, 'the second line');
  assert.equal(reader.lines[0], {
    kind: 'detected', id: 2, camera: 'dock-1', epoch: 1, frameSeq: 1, capturedAt: '2023-11-14T22:13:20.040000Z', pts: 0.04, size: { width: 1920, height: 1080 },
    boxes: [{ label: 'person', classId: 0, score: 0.9, box: [1, 2, 3, 4] }], model: 'motion@1.0.0', modelDigest: 'ab', provider: 'cpu',
    timings: { decodeMs: 1, waitMs: 2, inferMs: 3, ageMs: 7 },
  });
  assert.is(reader.lines[1]?.['frameSeq'], 5);
  reader.leave();
}));

test('ends after the wanted number of frames, dropped runs not counted', () => withGateway({}, async ({ backend, port, gateway }) => {
  backend.addView('dock-1');
  for (let seq = 0; seq < 10; seq++) backend.append(seq % 2 === 0 ? detected('dock-1', seq) : dropped('dock-1', seq, seq));
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1&frames=3&after=0&include=dropped');
  assert.is(await reader.done, 'end');
  assert.equal(reader.lines.map((line) => line['kind']), ['detected', 'dropped', 'detected', 'dropped', 'detected']);
  assert.is(backend.readers, 0);
  assert.is(gateway.counts().openStreams, 0);
}));

test('goes on after a record id without a gap or a repeat', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('dock-1');
  for (let seq = 0; seq < 8; seq++) backend.append(detected('dock-1', seq));
  const first = await readLines(port, '/api/v1/infer?stream=dock-1&frames=3&after=0');
  await first.done;
  const second = await readLines(port, `/api/v1/infer?stream=dock-1&frames=5&after=${String(first.lines.at(-1)?.['id'])}`);
  await second.done;
  assert.equal([...first.lines, ...second.lines].map((line) => line['frameSeq']), [0, 1, 2, 3, 4, 5, 6, 7]);
}));

test('ends when the source has ended', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('dock-1');
  backend.append(detected('dock-1', 0));
  backend.end();
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1&after=0');
  assert.is(await reader.done, 'end');
  assert.is(reader.lines.length, 1);
}));

test('refuses a URL that is not allowed, naming the flag without its credentials', () => withGateway({}, async ({ backend, call }) => {
  const answer = await call('GET', `/api/v1/infer?stream=${encodeURIComponent('rtsp://root:hunter2@my.cam:8554/live')}`);
  assert.is(answer.status, 403);
  assert.is(answer.json['code'], 'STREAM_NOT_ALLOWED');
  assert.match(String(answer.json['detail']), "--allow-stream 'rtsp://my.cam:8554/*'");
  assert.not.match(answer.text, 'hunter2');
  const plain = await call('GET', '/api/v1/infer?stream=rtsp://my.cam/live');
  assert.match(String(plain.json['detail']), "--allow-stream 'rtsp://my.cam/*'");
  assert.is((await call('GET', '/api/v1/infer?stream=/etc/passwd')).status, 403);
  assert.is((await call('GET', '/api/v1/infer?stream=http://169.254.169.254/latest')).json['code'], 'PLUGIN_UNKNOWN');
  assert.is(backend.temporary, 0);
}));

test('opens an allowed URL for as long as its reader stays', () => withGateway({ allowStreams: ['rtsp://my.cam/*'] }, async ({ backend, port, gateway }) => {
  const reader = await readLines(port, '/api/v1/infer?stream=rtsp://my.cam/live');
  assert.is(reader.status, 200);
  await eventually(() => backend.readers === 1, 'the reader is attached');
  assert.is(backend.temporary, 1);
  backend.append(detected('temporary-1', 0));
  await eventually(() => reader.lines.length === 1, 'a line');
  reader.leave();
  await eventually(() => backend.temporary === 0 && backend.readers === 0 && gateway.counts().openStreams === 0, 'everything is freed');
}));

test('a client that leaves while its stream is still being opened frees everything', () => withGateway({ allowStreams: ['rtsp://my.cam/*'] }, async ({ backend, port, gateway }) => {
  const gate = Promise.withResolvers<void>();
  backend.openDelay = gate.promise;
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /api/v1/infer?stream=rtsp://my.cam/live HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await eventually(() => backend.temporary === 1, 'the camera is being opened');
  socket.destroy();
  await eventually(() => backend.temporary === 0 && gateway.counts().openStreams === 0, 'everything is freed');
  gate.resolve();
}));

test('the URL of a registered camera needs no leave', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('dock-1');
  backend.uris.set('rtsp://cam/dock-1', 'dock-1' as never);
  backend.append(detected('dock-1', 0));
  const reader = await readLines(port, '/api/v1/infer?stream=rtsp://cam/dock-1&after=0&frames=1');
  assert.is(await reader.done, 'end');
  assert.is(reader.lines.length, 1);
}));

test('an unknown camera is refused with the known ones', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('dock-1');
  for (const name of ['dock-2', 'Dock-1', 'dock 1']) {
    const answer = await call('GET', `/api/v1/infer?stream=${encodeURIComponent(name)}`);
    assert.is(answer.status, 404, name);
    assert.match(String(answer.json['detail']), 'known: dock-1');
  }
}));

test('a failure before the first line is a status, one after it is the last line', () => withGateway({ allowStreams: ['rtsp://my.cam/*'] }, async ({ backend, call, port }) => {
  backend.openStream = async () => await Promise.reject(new PlatformError('SOURCE_REFUSED', "camera 'rtsp://u:secret@my.cam' said 401"));
  const refused = await call('GET', '/api/v1/infer?stream=rtsp://my.cam/live');
  assert.is(refused.status, 502);
  assert.not.match(refused.text, 'secret');
  backend.addView('dock-1');
  backend.append(detected('dock-1', 0));
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1&after=0');
  await eventually(() => reader.lines.length === 1, 'a line');
  backend.failWith = new PlatformError('STORE_FAILED', 'disk full');
  backend.append(detected('other', 1));
  assert.is(await reader.done, 'end');
  assert.is(reader.lines[1]?.['kind'], 'problem');
  assert.is(reader.lines[1]?.['code'], 'STORE_FAILED');
  assert.is(reader.lines[1]?.['after'], 1);
}));

test('refuses streams beyond the limit with the time to come back', () => withGateway({ maxStreams: 2 }, async ({ backend, port, call, gateway }) => {
  backend.addView('dock-1');
  const readers = [await readLines(port, '/api/v1/infer?stream=dock-1'), await readLines(port, '/api/v1/infer?stream=dock-1')];
  const answer = await call('GET', '/api/v1/infer?stream=dock-1');
  assert.is(answer.status, 429);
  assert.is(answer.json['code'], 'OVERLOADED');
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.is(gateway.counts().refusedStreams, 1);
  for (const reader of readers) reader.leave();
  await eventually(() => gateway.counts().openStreams === 0, 'the places are free');
  const next = await readLines(port, '/api/v1/infer?stream=dock-1');
  assert.is(next.status, 200);
  next.leave();
}));

test('a reader that does not read is shed, and what waits for it stays bounded', () => withGateway({ slowReaderMs: 300, lingerMs: 100 }, async ({ backend, port, gateway }) => {
  backend.addView('dock-1');
  const padding = 'x'.repeat(16_384);
  const total = 4_000; // 64 MiB: far more than the kernel takes on loopback
  const record = detected('dock-1', 0, 0, padding);
  backend.records = async function* records() {
    backend.readers++;
    try {
      for (let id = 1; id <= total; id++) { backend.pulled++; yield { id, record: { ...record, frameSeq: id } }; }
    } finally { backend.readers--; }
  };
  const stalled = await readLines(port, '/api/v1/infer?stream=dock-1', true);
  await eventually(() => gateway.counts().slowReaders === 1, 'the reader is shed', 10_000);
  assert.ok(backend.pulled < total / 2, `pulled ${String(backend.pulled)} records while nobody read`);
  await eventually(() => gateway.counts().openStreams === 0 && backend.readers === 0, 'everything is freed');
  const pulledThen = backend.pulled;
  stalled.response.resume();
  assert.is(await stalled.done, 'cut');
  assert.is(backend.pulled, pulledThen);
}));

test('a slow reader that comes back in time learns why it was shed and where to go on', () => withGateway({ slowReaderMs: 300, lingerMs: 20_000 }, async ({ backend, port, gateway }) => {
  backend.addView('dock-1');
  const record = detected('dock-1', 0, 0, 'x'.repeat(16_384));
  backend.records = async function* records() { for (let id = 1; id <= 4_000; id++) yield { id, record: { ...record, frameSeq: id } }; };
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1', true);
  await eventually(() => gateway.counts().slowReaders === 1, 'the reader is shed', 10_000);
  reader.response.resume();
  assert.is(await reader.done, 'end');
  const last = reader.lines.at(-1);
  assert.is(last?.['code'], 'READER_SLOW');
  assert.is(last?.['after'], reader.lines.at(-2)?.['id'], 'going on after it must lose and repeat nothing');
}));

test('other readers go on while one is stalled', () => withGateway({ slowReaderMs: 5_000 }, async ({ backend, port }) => {
  backend.addView('dock-1');
  const stalled = await readLines(port, '/api/v1/infer?stream=dock-1', true);
  const brisk = await readLines(port, '/api/v1/infer?stream=dock-1');
  await eventually(() => backend.readers === 2, 'both are attached');
  for (let seq = 0; seq < 500; seq++) backend.append(detected('dock-1', seq));
  await eventually(() => brisk.lines.length === 500, 'the brisk reader has all');
  stalled.leave();
  brisk.leave();
}));

test('a HEAD of a stream opens nothing', () => withGateway({}, async ({ backend, call, gateway }) => {
  backend.addView('dock-1');
  const answer = await call('HEAD', '/api/v1/infer?stream=dock-1');
  assert.is(answer.status, 200);
  assert.match(answer.headers['content-type'] ?? '', 'application/x-ndjson');
  assert.is(gateway.counts().openedStreams, 0);
  assert.is((await call('HEAD', '/api/v1/infer?frames=0')).status, 400);
}));

test('a stop ends every stream with a last line, within its deadline', () => withGateway({}, async ({ backend, port, gateway }) => {
  backend.addView('dock-1');
  backend.append(detected('dock-1', 0));
  const readers = await Promise.all(Array.from({ length: 8 }, () => readLines(port, '/api/v1/infer?stream=dock-1&after=0')));
  await eventually(() => readers.every((reader) => reader.lines.length === 1), 'every reader has a line');
  const before = systemClock.monotonicMs();
  await gateway.close({ deadlineMs: 4_000 });
  assert.ok(systemClock.monotonicMs() - before < 3_500, 'readers that read must not use the deadline up');
  for (const reader of readers) {
    assert.is(await reader.done, 'end');
    assert.is(reader.lines[1]?.['code'], 'SHUTTING_DOWN');
    assert.is(reader.lines[1]?.['after'], 1);
  }
  assert.is(backend.readers, 0);
}));

test('a reader that does not read cannot hold a stop up beyond the deadline', () => withGateway({ slowReaderMs: 60_000, lingerMs: 60_000 }, async ({ backend, port, gateway }) => {
  backend.addView('dock-1');
  const record = detected('dock-1', 0, 0, 'x'.repeat(16_384));
  backend.records = async function* records() { for (let id = 1; ; id++) { backend.pulled++; yield { id, record }; } };
  const stalled = await readLines(port, '/api/v1/infer?stream=dock-1', true);
  let seen = -1;
  await eventually(() => { const isStill = seen === backend.pulled; seen = backend.pulled; return isStill && seen > 100; }, 'the write buffer is full');
  const before = systemClock.monotonicMs();
  await gateway.close({ deadlineMs: 300 });
  assert.ok(systemClock.monotonicMs() - before < 2_500, 'cut at the deadline');
  stalled.response.resume();
  assert.is(await stalled.done, 'cut');
}));

test('a stream that cannot be opened in time is given up', () => withGateway({ allowStreams: ['rtsp://my.cam/*'], answerMs: 50 }, async ({ backend, call, gateway }) => {
  backend.openDelay = new Promise(() => undefined);
  const answer = await call('GET', '/api/v1/infer?stream=rtsp://my.cam/live');
  assert.is(answer.status, 504);
  assert.is(answer.json['code'], 'TIMED_OUT');
  assert.equal([backend.temporary, gateway.counts().openStreams], [0, 0]);
}));

test('a quiet stream outlives the limit of an answer', () => withGateway({ answerMs: 30 }, async ({ backend, call, port }) => {
  backend.addView('dock-1');
  const reader = await readLines(port, '/api/v1/infer?stream=dock-1');
  backend.balances = () => new Promise(() => undefined);
  assert.is((await call('GET', '/api/v1/ledger')).json['code'], 'TIMED_OUT');
  assert.is((await call('GET', '/api/v1/ledger')).status, 504);
  backend.append(detected('dock-1', 0));
  await eventually(() => reader.lines.length === 1, 'a line after two limits');
  reader.leave();
}));

test.run();
