import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { doorOf, isAway, knock } from '../../src/ingress/knock.ts';
import { eventually } from '../support/eventually.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

const open = new Set<Server>();
const sockets = new Set<Socket>();

async function listening(server: Server, port = 0): Promise<number> {
  open.add(server);
  server.on('connection', (socket: Socket) => { sockets.add(socket); socket.on('error', () => undefined).on('close', () => sockets.delete(socket)); });
  await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return (server.address() as AddressInfo).port;
}

/** A server that says this to everybody, and what it was asked. */
async function saying(answer: Buffer | string | null, asked: string[] = []): Promise<number> {
  return listening(createServer((socket) => socket.on('data', (bytes) => {
    asked.push(bytes.toString());
    if (answer !== null) socket.write(answer);
  })));
}

const at = (uri: string, limitMs = 600, signal = new AbortController().signal): Promise<void> => {
  const door = doorOf(uri, systemClock);
  if (door === undefined) throw new Error(`no door in ${uri}`);
  return knock({ label: 'cam', door, clock: systemClock, limitMs, signal });
};
const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'answered', (error: unknown) => error);

test('any status line means that somebody is there', async () => {
  for (const line of ['RTSP/1.0 200 OK\r\n\r\n', 'RTSP/1.0 401 Unauthorized\r\n', 'RTSP/2.0 505 x', 'RTSP/1.0 404']) await at(`rtsp://127.0.0.1:${await saying(line)}/x`);
});

test('the question holds neither login nor query, whatever characters they have', async () => {
  const asked: string[] = [];
  const port = await saying('RTSP/1.0 200 OK\r\n\r\n', asked);
  await at(`rtsp://admin:p@ss:w/rd?#@127.0.0.1:${port}/stream one/ü?token=abc#x`);
  await at(`RTSP://u:secret@127.0.0.1:${port}`);
  await at(`rtsp://127.0.0.1:${port}/user=admin&password=geheim&channel=1`);
  assert.equal(asked.map((text) => text.split('\r\n')[0]), [
    `OPTIONS rtsp://127.0.0.1:${port}/stream%20one/%c3%bc RTSP/1.0`, `OPTIONS RTSP://127.0.0.1:${port}/ RTSP/1.0`, `OPTIONS rtsp://127.0.0.1:${port}/user=admin&password=***&channel=1 RTSP/1.0`,
  ]);
  assert.not.match(asked.join(), /secret|p@ss|abc|geheim|admin:/);
});

test('a closed port, a connection that is closed, another protocol and silence are told by name, silence within its limit', async () => {
  const closing = await listening(createServer((socket) => socket.destroy()));
  const cases: [number, RegExp][] = [[9, /ECONNREFUSED/], [closing, /closed the connection|ECONNRESET/], [await saying('HTTP/1.1 400 Bad Request\r\n\r\n'), /does not speak RTSP/], [await saying(null), /no answer within 600 ms/]];
  for (const [port, message] of cases) {
    const beganMs = performance.now();
    const error = await failure(at(`rtsp://127.0.0.1:${port}/x`));
    assert.ok(error instanceof PlatformError && error.code === 'SOURCE_UNREACHABLE' && isAway(error), String(error));
    assert.match((error as Error).message, message);
    assert.ok(performance.now() - beganMs < 1500);
  }
  await eventually(() => sockets.size === 0, 'every connection is closed');
});

test('what does not answer at first is asked again within the limit', async () => {
  let connections = 0;
  const port = await listening(createServer((socket) => {
    const number = ++connections;
    socket.on('data', () => { if (number === 2) socket.write('RTSP/1.0 200 OK\r\n\r\n'); });
  }));
  await at(`rtsp://127.0.0.1:${port}/x`, 2_000);
  assert.is(connections, 2);
  await eventually(() => sockets.size === 0, 'both connections are closed');
});

test('a name without address is told, and one with several is found', async () => {
  const error = await failure(at('rtsp://no-such-host.invalid/x', 5_000));
  assert.ok(isAway(error), String(error));
  await at(`rtsp://localhost:${await saying('RTSP/1.0 200 OK\r\n\r\n')}/x`);
});

test('it ends with its signal', async () => {
  const over = new AbortController();
  const asking = failure(at(`rtsp://127.0.0.1:${await saying(null)}/x`, 5_000, over.signal));
  await eventually(() => sockets.size > 0, 'it has connected');
  over.abort(new Error('enough'));
  assert.is(((await asking) as Error).message, 'enough');
  await eventually(() => sockets.size === 0, 'the connection is closed');
  assert.is(((await failure(at('rtsp://127.0.0.1:9/x', 100, over.signal))) as Error).message, 'enough');
});

test('within TLS the certificate does not matter', async () => {
  const port = await listening(createTlsServer(SELF_SIGNED, (socket) => socket.on('error', () => undefined).on('data', () => socket.write('RTSP/1.0 200 OK\r\n\r\n'))));
  await at(`rtsps://127.0.0.1:${port}/x`);
  await at(`rtsps://localhost:${port}/x`);
});

test('an address that cannot be is no door', () => {
  for (const uri of ['rtsp://', 'rtsp:///x', 'rtsp://[::1/x', 'rtsp://127.0.0.1:99999/x', 'rtsp://127.0.0.1:0/x', 'http://x/y', 'rtsp://a:b:c/x']) assert.is(doorOf(uri, systemClock), undefined, uri);
  const parts = (uri: string): unknown[] => { const door = doorOf(uri, systemClock); return [door?.host, door?.port, door?.isTls]; };
  assert.equal(parts('rtsp://[fe80::1]/x'), ['fe80::1', 554, false]);
  assert.equal(parts('rtsps://cam'), ['cam', 322, true]);
  assert.equal(parts('rtsp://u:p@cam:8554?x=1'), ['cam', 8554, false]);
});

test('random answers never do more than refuse or accept', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  const port = await listening(createServer((socket) => {
    const bytes = Buffer.from(Array.from({ length: Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 256)));
    socket.write(random.next() < 0.3 ? Buffer.concat([Buffer.from('RTSP/1.0 '), bytes]) : bytes);
    socket.end();
  }));
  for (let round = 0; round < 300; round++) {
    const result = await failure(at(`rtsp://127.0.0.1:${port}/x`));
    assert.ok(result === 'answered' || isAway(result), `seed ${seed}: ${String(result)}`);
  }
});

test('the servers end', async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([...open].map((server) => new Promise((resolve) => { server.close(resolve); })));
});

test.run();
