import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { fork, type ChildProcess } from 'node:child_process';
import { connect as connectSocket, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { IpcNode, LinkInPort } from '../../src/transports/ipc-types.ts';
import { transportContract } from '../contracts/transport-contract.ts';
import { block, blockCodec, isIntact, type Block } from '../support/byte-codec.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'vto-ipc-'));
let count = 0;
const newPath = (): string => join(folder, `${count++}.sock`);
const listen = (path: string, onError: (error: unknown) => void = () => {}): Promise<IpcNode> => listenIpc({ path, clock: systemClock, random: seededRandom(1), onError });
const connect = (path: string, onState?: Parameters<typeof connectIpc>[0]['onState']): IpcNode =>
  connectIpc({ path, clock: systemClock, random: seededRandom(1), backoffMs: 5, ...(onState === undefined ? {} : { onState }) });
const WIDE = { maxItems: 100, maxBytes: 1 << 24 };
const codeOf = (error: unknown): string => (error instanceof PlatformError ? error.code : String(error));

transportContract('ipc, server to client', { acknowledgedBy: 'consumer' }, async bounds => {
  const path = newPath();
  const server = await listen(path, error => { throw error; });
  const output = server.output('blocks', blockCodec, bounds);
  let client = connect(path);
  let input = client.input('blocks', blockCodec, bounds);
  return {
    output, input: () => input, end: () => output.close(), depth: () => output.depth(),
    async crash() { await client.close(); client = connect(path); input = client.input('blocks', blockCodec, bounds); },
    async close() { await client.close(); await server.close(); },
  };
});

transportContract('ipc, client to server', { acknowledgedBy: 'consumer' }, async bounds => {
  const path = newPath();
  let server = await listen(path, error => { throw error; });
  const client = connect(path);
  const output = client.output('blocks', blockCodec, bounds);
  let input: LinkInPort<Block> = server.input('blocks', blockCodec, bounds);
  return {
    output, input: () => input, end: () => output.close(), depth: () => output.depth(),
    async crash() { await server.close(); server = await listen(path); input = server.input('blocks', blockCodec, bounds); },
    async close() { await client.close(); await server.close(); },
  };
});

const CONSUMER = new URL('../support/ipc-consumer.ts', import.meta.url).pathname;

test('a consumer killed in mid-stream loses nothing: the next process gets what it had not acknowledged, in order', async () => {
  const path = newPath();
  const server = await listen(path);
  const output = server.output('blocks', blockCodec, { maxItems: 32, maxBytes: 1 << 22 });
  const done = server.input('done', blockCodec, WIDE);
  let attached = 0;
  output.onAttach(() => { attached += 1; });
  const seen = new Map<number, number>();
  const total = 600;
  const reading = (async () => {
    while (seen.size < total) {
      const delivery = await done.pull(10, AbortSignal.timeout(20_000));
      for (const item of delivery?.items ?? []) seen.set(item.body.id, (seen.get(item.body.id) ?? 0) + 1);
      await delivery?.ack();
    }
  })();
  const producing = (async () => {
    const pushes: Promise<void>[] = [];
    for (let id = 0; id < total; id += 1) { await output.room(NEVER); pushes.push(output.push([envelope(block(id, 20_000))], NEVER)); }
    await Promise.all(pushes);
  })();
  const children: ChildProcess[] = [];
  for (const limit of [100, 300]) {
    const child = fork(CONSUMER, [path], { stdio: 'inherit' });
    children.push(child);
    await eventually(() => seen.size >= limit, `${limit} blocks arrive`, 15_000);
    child.kill('SIGKILL');
    await new Promise<void>(resolve => { child.once('exit', () => resolve()); });
  }
  const last = fork(CONSUMER, [path], { stdio: 'inherit' });
  await reading;
  await producing;
  assert.is(seen.size, total);
  assert.ok(attached >= 3, 'onAttach is called for each consumer');
  const repeats = [...seen.values()].filter(times => times > 1).length;
  assert.ok(repeats <= 2 * 32, `${repeats} repeats: at most the window per kill`);
  last.kill('SIGKILL');
  await server.close();
});

test('a reader that stalls grows neither side beyond its bounds', async () => {
  const path = newPath();
  const server = await listen(path);
  const client = connect(path);
  const output = server.output('blocks', blockCodec, { maxItems: 1000, maxBytes: 4 << 20 });
  const input = client.input('blocks', blockCodec, { maxItems: 10, maxBytes: 1 << 20 });
  const before = process.memoryUsage().arrayBuffers;
  let entered = 0;
  const stop = new AbortController();
  const producing = (async () => { for (;;) { await output.room(stop.signal); entered += 1; void output.push([envelope(block(entered, 100_000))], NEVER).catch(() => { /* the node closes */ }); } })().catch(() => { /* stopped */ });
  await eventually(() => output.depth().bytes >= 4 << 20, 'the bound is reached');
  await new Promise<void>(resolve => { setTimeout(resolve, 100); });
  assert.is(entered, 42, '4 MiB in blocks of 100,000 bytes');
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20, 'sent blocks and the receiver\'s 1 MiB');
  stop.abort();
  await producing;
  for (let got = 0; got < entered;) { const delivery = await input.pull(3, NEVER); for (const item of delivery?.items ?? []) assert.ok(isIntact(item.body)); got += delivery?.items.length ?? 0; await delivery?.ack(); }
  await eventually(() => output.depth().items === 0, 'all acknowledged');
  await client.close();
  await server.close();
});

test('a sender that starts over forgets what is not acknowledged: a new consumer gets only what is pushed after that', async () => {
  const path = newPath();
  const server = await listen(path);
  const output = server.output('blocks', blockCodec, { maxItems: 2, maxBytes: 1 << 20 });
  const forgotten = [1, 2, 3].map(id => output.push([envelope(block(id))], NEVER).then(() => 'acknowledged', (error: { code?: string }) => error.code));
  const room = output.room(NEVER);
  let isFirst = true;
  output.onAttach(() => { output.discard(); isFirst = false; });
  const client = connect(path);
  const input = client.input('blocks', blockCodec, WIDE);
  await room;
  assert.not.ok(isFirst);
  assert.equal(await Promise.all(forgotten), ['PORT_CLOSED', 'PORT_CLOSED', 'PORT_CLOSED']);
  const pushed = output.push([envelope(block(4))], NEVER);
  const delivery = await input.pull(9, NEVER);
  assert.equal(delivery?.items.map(each => each.body.id), [4]);
  await delivery?.ack();
  await pushed;
  assert.is(output.depth().items, 0);
  await client.close();
  await server.close();
});

test('a topic has one output at a time; closing it lets the next one go on after what is left', async () => {
  const path = newPath();
  const server = await listen(path);
  const first = server.output('blocks', blockCodec, WIDE);
  assert.throws(() => server.output('blocks', blockCodec, WIDE), /has an output already/);
  const pushed = first.push([envelope(block(1))], NEVER);
  first.close();
  const second = server.output('blocks', blockCodec, WIDE);
  const alsoPushed = second.push([envelope(block(2))], NEVER);
  const client = connect(path);
  const input = client.input('blocks', blockCodec, WIDE);
  const got: number[] = [];
  while (got.length < 2) { const delivery = await input.pull(9, NEVER); got.push(...(delivery?.items ?? []).map(each => each.body.id)); await delivery?.ack(); }
  assert.equal(got, [1, 2]);
  await Promise.all([pushed, alsoPushed]);
  await client.close();
  await server.close();
});

test('a topic that is not opened yet has not ended: whoever asked for it first gets it once it is there', async () => {
  const path = newPath();
  const server = await listen(path);
  const client = connect(path);
  const input = client.input('blocks', blockCodec, WIDE);
  server.handle('ping', () => 'pong');
  await client.call('ping', null, NEVER); // the subscription, sent before, has arrived
  let attached = 0;
  const output = server.output('blocks', blockCodec, WIDE);
  output.onAttach(() => { attached += 1; });
  assert.is(attached, 1);
  const pushed = output.push([envelope(block(1))], NEVER);
  const delivery = await input.pull(1, NEVER);
  assert.equal(delivery?.items.map(each => each.body.id), [1]);
  await delivery?.ack();
  await pushed;
  await client.close();
  await server.close();
});

test('a standby consumer takes over when the active one closes its port', async () => {
  const path = newPath();
  const server = await listen(path);
  const output = server.output('blocks', blockCodec, WIDE);
  const old = connect(path);
  const oldInput = old.input('blocks', blockCodec, WIDE);
  void output.push([envelope(block(1))], NEVER);
  await oldInput.pull(1, NEVER);
  const next = connect(path);
  const nextInput = next.input('blocks', blockCodec, WIDE);
  const waiting = nextInput.pull(5, NEVER);
  oldInput.close();
  const delivery = await waiting;
  assert.equal(delivery?.items.map(each => each.body.id), [1]);
  await delivery?.ack();
  await eventually(() => output.depth().items === 0, 'acknowledged');
  for (const node of [old, next, server]) await node.close();
});

test('calls return results, errors by name, and end with their signal or their connection', async () => {
  const path = newPath();
  const client = connect(path);
  const early = client.call('add', [1, 2], NEVER); // waits for the server
  const server = await listen(path);
  let isStopped = false;
  server.handle('add', params => (params as number[]).reduce((sum, each) => sum + each, 0));
  server.handle('fail', () => { throw new PlatformError('CAMERA_UNKNOWN', "camera 'x' is unknown", { camera: 'x' }); });
  server.handle('hang', (_params, signal) => new Promise(() => { signal.addEventListener('abort', () => { isStopped = true; }); }));
  assert.throws(() => server.handle('add', () => 0), /already/);
  assert.is(await early, 3);
  const failure = await client.call('fail', null, NEVER).catch((error: unknown) => error);
  assert.ok(failure instanceof PlatformError && failure.code === 'CAMERA_UNKNOWN' && failure.facts['camera'] === 'x');
  assert.match(await client.call('nope', null, NEVER).catch((error: Error) => error.message) as string, /unknown method 'nope' \(known: add, fail, hang\)/);
  const stop = new AbortController();
  const hanging = client.call('hang', null, stop.signal).catch((error: Error) => error.message);
  await client.call('add', [1], NEVER);
  stop.abort(new Error('enough'));
  assert.is(await hanging, 'enough');
  await eventually(() => isStopped, 'the handler is told');
  const lost = client.call('hang', null, NEVER).catch(codeOf);
  await client.call('add', [1], NEVER);
  await server.close();
  assert.is(await lost, 'PORT_CLOSED');
  await client.close();
  assert.is(await client.call('add', [], NEVER).catch(codeOf), 'PORT_CLOSED');
});

test('a stream is read in order under credit; leaving it stops its source', async () => {
  const path = newPath();
  const server = await listen(path);
  const client = connect(path);
  let made = 0;
  let isStopped = false;
  server.handleStream('count', async function* count(params, signal) {
    signal.addEventListener('abort', () => { isStopped = true; });
    for (let value = 0; value < (params as number); value += 1) { made += 1; yield { value }; }
    if (params === 3) throw new PlatformError('CAMERA_UNKNOWN', 'gone');
  });
  let next = 0;
  for await (const value of client.stream('count', 1000, NEVER)) assert.equal(value, { value: next++ });
  assert.is(next, 1000);
  const failing: unknown[] = [];
  try { for await (const value of client.stream('count', 3, NEVER)) failing.push(value); assert.unreachable(); } catch (error) { assert.is(codeOf(error), 'CAMERA_UNKNOWN'); }
  assert.is(failing.length, 3);
  made = 0;
  for await (const value of client.stream('count', 1e9, NEVER)) {
    await new Promise<void>(resolve => { setTimeout(resolve, 50); });
    assert.equal(value, { value: 0 });
    break;
  }
  await eventually(() => isStopped, 'the source is told');
  assert.ok(made <= 257, `${made} values made for a reader that took one: the window is 256`);
  await client.close();
  await server.close();
});

test('connects again by itself, and says so', async () => {
  const path = newPath();
  const states: string[] = [];
  const client = connect(path, state => { states.push(state.state); });
  let server = await listen(path);
  await eventually(() => states.at(-1) === 'connected', 'connected');
  await server.close();
  await eventually(() => states.at(-1) === 'disconnected', 'disconnected');
  server = await listen(path);
  await eventually(() => states.at(-1) === 'connected', 'connected again');
  assert.equal(states.slice(-3), ['connected', 'disconnected', 'connected']);
  await client.close();
  await server.close();
});

test('listens for this user only, replaces a stale socket, and refuses a living one, a plain file and a path that is too long', async () => {
  const path = newPath();
  const child = fork(new URL('../support/ipc-listener.ts', import.meta.url).pathname, [path], { stdio: 'inherit' });
  await new Promise<void>(resolve => { child.once('message', () => resolve()); });
  assert.is(await listen(path).catch(codeOf), 'STORE_LOCKED');
  child.kill('SIGKILL');
  await new Promise<void>(resolve => { child.once('exit', () => resolve()); });
  const server = await listen(path);
  assert.is(statSync(path).mode & 0o777, 0o600);
  await server.close();
  const file = join(folder, 'plain');
  writeFileSync(file, 'keep me');
  assert.is(await listen(file).catch(codeOf), 'CONFIG_INVALID');
  assert.is(await listen(join(folder, 'x'.repeat(120))).catch(codeOf), 'CONFIG_INVALID');
});

test('garbage closes its connection with LINK_INVALID, and the node goes on', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const path = newPath();
  const errors: unknown[] = [];
  const server = await listen(path, error => { errors.push(error); });
  server.handle('ping', () => 'pong');
  const input = server.input('blocks', blockCodec, WIDE);
  const hello = Buffer.from([6, 0, 0, 0, 1, ...Buffer.from('VTOL'), 1]);
  for (let round = 0; round < 150; round += 1) {
    const socket = connectSocket(path);
    socket.on('error', () => { /* the server may close first */ });
    const junk = Buffer.from(Array.from({ length: 1 + Math.floor(random.next() * 200) }, () => Math.floor(random.next() * 256)));
    if (round % 3 > 0) { junk.writeUInt8(Math.floor(random.next() * 16), 4 % junk.length); junk[0] = Math.floor(random.next() * 60); junk.fill(0, 1, Math.min(4, junk.length)); }
    if (round % 3 > 0) socket.write(hello);
    socket.end(junk);
    await new Promise<void>(resolve => { socket.once('close', () => resolve()); socket.resume(); });
  }
  assert.ok(errors.length > 50, `${errors.length} connections refused`);
  assert.ok(errors.every(error => codeOf(error) === 'LINK_INVALID'), `seed ${seed}: ${errors.map(codeOf).find(code => code !== 'LINK_INVALID')}`);
  const client = connect(path);
  assert.is(await client.call('ping', null, NEVER), 'pong');
  const output = client.output('blocks', blockCodec, WIDE);
  const pushed = output.push([envelope(block(5))], NEVER);
  const delivery = await input.pull(1, NEVER);
  assert.equal(delivery?.items.map(each => each.body.id), [5]);
  await delivery?.ack();
  await pushed;
  await client.close();
  await server.close();
});

test('a client survives a server that speaks something else', async () => {
  const path = newPath();
  const states: string[] = [];
  const foreign = createServer(socket => { socket.on('error', () => {}); socket.resume(); socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'); });
  await new Promise<void>(resolve => { foreign.listen(path, resolve); });
  let why: unknown;
  const client = connect(path, state => { states.push(state.state); if (state.state === 'disconnected') why = state.error; });
  await eventually(() => states.length > 0, 'a state');
  assert.equal(states, ['disconnected']);
  assert.is(codeOf(why), 'LINK_INVALID');
  await client.close();
  await new Promise<void>(resolve => { foreign.close(() => resolve()); });
});

test.run();
