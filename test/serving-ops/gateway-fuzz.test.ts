import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { ENDPOINTS } from '../../src/serving-ops/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { withGateway } from '../support/with-gateway.ts';

const ROUNDS = 1_500;
const METHODS = ['GET', 'POST', 'DELETE', 'HEAD', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT', 'QUERY', 'get', 'FOO', ''];
const KEYS = ['stream', 'frames', 'after', 'include', 'align', 'camera', 'limit', 'from', 'to', 'format', '__proto__', 'constructor', 'a[b]', '%', ''];
const VALUES = ['dock-1', '1', '0', '-1', '1e9', '99999999999999999999', 'NaN', 'dropped', 'text', '%00', '%ff', '%', '2026-01-01T00:00:00Z', '2026-99-99T00:00:00Z', 'rtsp://a@b@c/', 'file:///etc/passwd', '../..', '🎥', 'x'.repeat(3_000), ''];
const PATHS = [...ENDPOINTS.map((endpoint) => endpoint.path.replace(':id', 'dock-1')), '/api/v1/cameras/%2e%2e', '/api/v1/cameras/%zz', '/api/v1/cameras/', `/api/v1/cameras/${'y'.repeat(500)}`, '//evil/', '*', 'http://evil/api/v1/cameras', '/..%2f..%2fetc/passwd', '/\\', '/readyz;x'];
const BODIES = ['', '{}', '[]', 'null', '{', '"x"', '{"id":"a","uri":"rtsp://cam/1"}', '{"id":"__proto__","uri":1e999}', '{"__proto__":{"id":"a"}}', '\0\0\0', '[[[['.repeat(500), '{"id":"a","uri":"rtsp://cam/1","maxFps":1e-300}'];
const HEADERS = ['host: localhost', 'host: localhost', 'host: localhost', 'host: evil.example', 'host:', 'content-type: application/json', 'content-type: application/json', 'content-type: ;;;', 'content-type: text/plain', 'transfer-encoding: chunked', 'content-length: 99999999999999', 'content-length: -1', 'expect: 100-continue', 'expect: tea',
  'upgrade: websocket\r\nconnection: upgrade', 'origin: null', 'accept: */*', 'range: bytes=0-', 'x\0y: z', 'if-none-match: *', `cookie: ${'c'.repeat(4_000)}`, 'accept-version: 9', 'connection: close'];

/** Sends bytes and returns what comes back until the server closes or stays silent for a moment. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => { socket.end(bytes); });
    socket.setTimeout(150, () => socket.destroy());
    socket.on('data', (chunk) => { text += chunk.toString('latin1'); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

test('no malformed request ends the process, gets a 500 or leaves anything open', () => withGateway({}, async ({ backend, port, gateway, call }) => {
  const seed = Math.floor(performance.now() * 1000) % 2 ** 31;
  const random = seededRandom(seed);
  const pick = <Value>(from: readonly Value[]): Value => from[Math.floor(random.next() * from.length)] as Value;
  backend.addView('dock-1');
  const statuses = new Map<string, number>();
  const one = async (): Promise<void> => {
    const query = Array.from({ length: Math.floor(random.next() * 4) }, () => `${pick(KEYS)}=${pick(VALUES)}`).join('&');
    const headers = ['host: localhost', ...Array.from({ length: Math.floor(random.next() * 4) }, () => pick(HEADERS))].slice(random.next() < 0.2 ? 1 : 0);
    const body = random.next() < 0.5 ? pick(BODIES) : '';
    const length = random.next() < 0.7 ? [`content-length: ${String(Buffer.byteLength(body))}`] : [];
    let bytes = `${pick(METHODS)} ${pick(PATHS)}${query === '' ? '' : '?'}${query} HTTP/${pick(['1.1', '1.1', '1.1', '1.0', '2.0', '9'])}\r\n${[...headers, ...length].join('\r\n')}\r\n\r\n${body}`;
    if (random.next() < 0.2) { const at = Math.floor(random.next() * bytes.length); bytes = bytes.slice(0, at) + String.fromCharCode(Math.floor(random.next() * 256)) + bytes.slice(at + 1); }
    if (random.next() < 0.1) bytes = bytes.slice(0, Math.floor(random.next() * bytes.length));
    const text = await exchange(port, bytes);
    const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'none';
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const context = `seed ${String(seed)}: ${JSON.stringify(bytes.slice(0, 300))} → ${text.slice(0, 300)}`;
    assert.not.ok(status.startsWith('5'), context);
    if (status.startsWith('4') && !/^HEAD |expect: tea/.test(bytes)) assert.match(text, /application\/problem\+json|^HTTP\/1.1 417|^HTTP\/1.1 400 Bad Request\r\nConnection: close/, context);
  };
  for (let round = 0; round < ROUNDS; round += 25) await Promise.all(Array.from({ length: 25 }, one));
  assert.is((await call('GET', '/healthz')).status, 200);
  assert.is(gateway.counts().failures, 0, `seed ${String(seed)}`);
  await eventually(() => gateway.counts().openStreams === 0 && backend.readers === 0, `seed ${String(seed)}: streams are freed`);
  for (const status of ['200', '400', '404', '405', '421']) assert.ok((statuses.get(status) ?? 0) > 0, `seed ${String(seed)}: no ${status} among ${JSON.stringify([...statuses])}`);
}));

test.run();
