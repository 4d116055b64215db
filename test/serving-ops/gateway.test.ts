import { connect, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/engine/system-clock.ts';
import { ENDPOINTS } from '../../src/serving-ops/endpoints.ts';
import { REGISTRY_ENDPOINTS } from '../../src/serving-ops/registry-routes.ts';
import { createGateway } from '../../src/serving-ops/gateway.ts';
import { detected, FakeBackend } from '../support/fake-backend.ts';
import { eventually } from '../support/eventually.ts';
import { liveStart, liveUnit } from '../support/live-items.ts';
import { readLines } from '../support/line-reader.ts';
import { withGateway } from '../support/with-gateway.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

test('every endpoint of the index answers, and no route is missing from it', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('dock-1');
  backend.liveItems = [liveStart(), liveUnit(0, true)];
  backend.end();
  const session = '01234567-89ab-cdef-0123-456789abcdef';
  backend.whip = { publish: async () => ({ session, answer: 'v=0', entityTag: '"1"' }), trickle: async () => ({ entityTag: '"1"', fragment: undefined }), end: async () => {} };
  const whip: Readonly<Record<string, object>> = { POST: { headers: { 'content-type': 'application/sdp' }, body: 'v=0' }, PATCH: { headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' }, body: 'a=' } };
  for (const endpoint of ENDPOINTS) {
    const path = endpoint.path.replace(':id', /^\/(?:whip|live)/.test(endpoint.path) ? 'dock-9' : 'dock-1').replace(':session', session) + (endpoint.path.endsWith('/infer') ? '?stream=dock-1' : '');
    const bodies: Readonly<Record<string, object>> = { POST: { body: { id: 'dock-9', uri: 'rtsp://cam/9' } }, PATCH: { body: { encoders: ['hog'] } }, PUT: { body: { model: 'yolox@1' } } };
    const answer = await call(endpoint.method, path, endpoint.path.endsWith('/ptz') && endpoint.method === 'POST' ? { body: { stop: true } } : (endpoint.path.startsWith('/whip/') ? whip : bodies)[endpoint.method] ?? {});
    assert.ok(/^\/api.*\/(?:live|jsmpeg)$/.test(endpoint.path) ? answer.status === 426 : answer.status < 300, `${endpoint.method} ${path}: ${String(answer.status)} ${answer.text}`);
  }
  assert.equal((await call('GET', '/')).json['endpoints'], [...ENDPOINTS, ...REGISTRY_ENDPOINTS] as unknown);
}));

test('answers an unknown route with problem details', () => withGateway({}, async ({ call }) => {
  const answer = await call('GET', '/api/v2/nothing');
  assert.is(answer.status, 404);
  assert.match(answer.headers['content-type'] ?? '', 'application/problem+json');
  assert.is(answer.json['code'], 'ROUTE_UNKNOWN');
  for (const member of ['type', 'title', 'status', 'detail', 'help', 'instance']) assert.ok(member in answer.json, member);
}));

test('names the methods a path takes when another is used', () => withGateway({}, async ({ call }) => {
  const answer = await call('PUT', '/api/v1/cameras/dock-1');
  assert.is(answer.status, 405);
  assert.is(answer.headers['allow'], 'GET, HEAD, PATCH, DELETE');
  assert.is(answer.json['code'], 'METHOD_REFUSED');
}));

test('an unexpected error tells the client nothing but its request id', () => withGateway({}, async ({ backend, call, gateway, logged }) => {
  backend.failWith = new TypeError('secret /home/path');
  const answer = await call('GET', '/api/v1/cameras');
  assert.is(answer.status, 500);
  assert.is(answer.json['code'], 'UNEXPECTED');
  assert.not.match(answer.text, /secret|at /);
  assert.match(String(answer.json['instance']), /^urn:visutility:request:req-/);
  assert.is(gateway.counts().failures, 1);
  assert.ok(logged.some((line) => line.level === 'error'));
}));

test('unknown query keys are refused with the known ones', () => withGateway({}, async ({ call }) => {
  const answer = await call('GET', '/api/v1/records?limt=3');
  assert.is(answer.status, 400);
  assert.is(answer.json['field'], 'limt');
  assert.match(String(answer.json['detail']), 'known: camera, after, limit');
  const doubled = await call('GET', '/api/v1/records?limit=3&limit=4');
  assert.is(doubled.status, 400);
  assert.is(doubled.json['field'], 'limit');
}));

test('a body that is too large is refused', () => withGateway({}, async ({ call }) => {
  const answer = await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: 'x'.repeat(70_000) } });
  assert.is(answer.status, 413);
  assert.is(answer.json['code'], 'REQUEST_TOO_LARGE');
}));

test('a body that is no JSON is refused, whatever its type', () => withGateway({}, async ({ call }) => {
  const cases: [string, string][] = [['application/json', '{'], ['application/json', ''], ['text/plain', '{}'], ['application/json', '{"__proto__":{"a":1}}'], ['text/xml', '<a/>']];
  for (const [type, body] of cases) {
    const answer = await call('POST', '/api/v1/cameras', { headers: { 'content-type': type }, body });
    assert.is(answer.status, 400, `${type} ${body}`);
    assert.is(answer.json['code'], 'REQUEST_INVALID');
  }
}));

test('pages of other hosts and origins are refused while bound to loopback', () => withGateway({ allowHosts: ['vto.test'] }, async ({ call, port }) => {
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil', '10.0.0.1', 'a b', '127.0.0.1@evil']) {
    const answer = await call('GET', '/api/v1/cameras', { headers: { host } });
    assert.is(answer.status, 421, host);
    assert.is(answer.json['code'], 'HOST_REFUSED');
  }
  for (const host of [`127.0.0.1:${String(port)}`, 'localhost', 'LOCALHOST:9', 'vto.localhost', '[::1]:80', '127.8.9.1', 'vto.test']) {
    assert.is((await call('GET', '/api/v1/cameras', { headers: { host } })).status, 200, host);
  }
  const foreign: Record<string, string>[] = [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }];
  for (const headers of foreign) {
    const answer = await call('GET', '/api/v1/cameras', { headers });
    assert.is(answer.status, 403, JSON.stringify(headers));
    assert.is(answer.json['code'], 'ORIGIN_REFUSED');
  }
  assert.is((await call('GET', '/', { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })).status, 200);
  assert.is((await call('GET', '/', { headers: { host: 'localhost:7', origin: 'http://localhost:7' } })).status, 200);
}));

test('a port in use is an error that names the flag', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const port = (taken.address() as { port: number }).port;
  const gateway = await createGateway({ backend: new FakeBackend(), clock: systemClock, log: quiet, port });
  const error = await gateway.listen().then(() => undefined, (thrown: unknown) => thrown) as { code: string; message: string };
  assert.is(error.code, 'CONFIG_INVALID');
  assert.match(error.message, `port ${String(port)} of '127.0.0.1' is in use by another program; choose another with --port`);
  await gateway.close({ deadlineMs: 100 });
  taken.close();
});

test('a malformed allow pattern stops the start', async () => {
  const error = await createGateway({ backend: new FakeBackend(), clock: systemClock, log: quiet, port: 0, allowStreams: ['gopher://x/*'] })
    .then(() => undefined, (thrown: unknown) => thrown) as { code: string; message: string };
  assert.is(error.code, 'CONFIG_INVALID');
  assert.match(error.message, 'gopher://x/*');
});

test('bytes that are no request get a problem and a closed connection', () => withGateway({}, async ({ port }) => {
  const answerTo = (bytes: string): Promise<string> => new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => { text += chunk.toString(); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
  assert.match(await answerTo('NONSENSE\r\n\r\n'), /^HTTP\/1.1 400 [^]*application\/problem\+json[^]*REQUEST_INVALID/);
  assert.match(await answerTo(`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
}));

test('close ends idle keep-alive connections and refuses new ones at once', () => withGateway({}, async ({ port, gateway }) => {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isClosed = false;
  socket.on('data', (chunk) => { text += chunk.toString(); });
  socket.on('close', () => { isClosed = true; });
  socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await eventually(() => text.includes('alive'), 'an answer');
  const before = systemClock.monotonicMs();
  await gateway.close({ deadlineMs: 5_000 });
  assert.ok(systemClock.monotonicMs() - before < 2_000, 'an idle connection must not hold the stop up');
  await eventually(() => isClosed, 'the connection closed');
}));

test('lets a request in flight finish before the deadline', () => withGateway({}, async ({ backend, gateway, call }) => {
  const gate = Promise.withResolvers<void>();
  let isCalled = false;
  backend.balances = async () => { isCalled = true; await gate.promise; return []; };
  const answer = call('GET', '/api/v1/ledger');
  await eventually(() => isCalled, 'the backend was called');
  const closed = gateway.close({ deadlineMs: 5_000 });
  gate.resolve();
  assert.is((await answer).status, 200);
  assert.is((await answer).headers['connection'], 'close');
  await closed;
}));

test('a large answer that is still being sent when the stop begins arrives whole', () => withGateway({}, async ({ backend, gateway, port, call }) => {
  for (let seq = 0; seq < 1_000; seq++) backend.append(detected('dock-1', seq, 0, 'x'.repeat(16_384))); // 16 MiB: more than the kernel takes
  const reader = await readLines(port, '/api/v1/records?limit=1000', true);
  let isClosed = false;
  const closed = gateway.close({ deadlineMs: 10_000 }).then(() => { isClosed = true; });
  const refused = await call('GET', '/healthz').then(() => undefined, (error: unknown) => (error as { code: string }).code);
  assert.is(refused, 'ECONNREFUSED');
  assert.not.ok(isClosed);
  reader.response.resume();
  assert.is(await reader.done, 'end');
  await closed;
}));

test.run();
