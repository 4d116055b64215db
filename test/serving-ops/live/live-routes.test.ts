import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { openReader } from '../../../src/media/reader.ts';
import { LIVE_HEAD_BYTES, readLiveHead } from '../../../src/messages/live-message.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { detected } from '../../support/fake-backend.ts';
import { eventually } from '../../support/eventually.ts';
import { liveItemsOf, liveStart, liveUnit } from '../../support/live-items.ts';
import { readAll } from '../../support/read-all.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { withGateway, type Rig } from '../../support/with-gateway.ts';

const TOKEN = 'a-token-of-the-test';

/** What a viewer got: texts parsed, pictures as bytes. */
interface Watching { readonly socket: WebSocket; readonly texts: Record<string, unknown>[]; readonly pictures: Uint8Array[] }

async function watch(rig: Rig, query = '', headers: Record<string, string> = {}): Promise<Watching> {
  const socket = new WebSocket(`ws://127.0.0.1:${rig.port}/api/v1/cameras/dock-1/live${query}`, { headers });
  const watching: Watching = { socket, texts: [], pictures: [] };
  socket.on('message', (bytes: Buffer, isBinary) => {
    if (isBinary) watching.pictures.push(bytes);
    else watching.texts.push(JSON.parse(bytes.toString()) as Record<string, unknown>);
  });
  await once(socket, 'open');
  return watching;
}

/** Status and body of an upgrade that was refused. */
function refusedUpgrade(rig: Rig, path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port: rig.port, host: '127.0.0.1', path, agent: false, headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
    }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    request.on('upgrade', (_response, socket) => { socket.destroy(); reject(new Error('it was upgraded')); });
    request.on('error', reject);
    request.end();
  });
}

test('a viewer gets the start as text, pictures as bytes as they came, and detections by frame', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  const units = [liveUnit(0, true), liveUnit(1)];
  rig.backend.liveItems = [liveStart(), ...units];
  const { socket, texts, pictures } = await watch(rig);
  await eventually(() => pictures.length === 2, 'two pictures');
  assert.equal(texts[0], {
    type: 'start', version: 1, format: 'units', epoch: 1, codec: 'avc1.640028', codecName: 'h264', width: 640, height: 360, timeBase: { num: 1, den: 90_000 }, frameRate: 25,
    mime: 'video/mp4; codecs="avc1.640028"', description: 'AQID',
  });
  assert.equal(pictures.map((bytes) => [...bytes]), units.map(({ message }) => [...message]));
  rig.backend.append(detected('dock-1', 1));
  await eventually(() => texts.length === 2, 'detections');
  assert.equal([texts[1]?.['type'], texts[1]?.['frameSeq']], ['detections', 1]);
  assert.is(rig.backend.watches, 1);
  socket.close();
  await eventually(() => rig.backend.watches === 0 && rig.backend.readers === 0, 'nothing is watched any more');
  await eventually(() => rig.gateway.counts().openStreams === 0, 'the slot is free');
}));

test('as fragments, the same socket gives a file that libav plays, with the media time of each picture', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  const clip = encodeClip('h264', { frames: 20, gop: 10, bFrames: 2 });
  rig.backend.liveItems = await liveItemsOf(clip);
  const { socket, pictures } = await watch(rig, '?format=fmp4');
  await eventually(() => pictures.length === 21, 'all fragments');
  socket.close();
  assert.is(readLiveHead(pictures[0]!).isInit, true);
  const path = join(temporaryFolder(), 'live.mp4');
  writeFileSync(path, Buffer.concat(pictures.map((bytes) => bytes.subarray(LIVE_HEAD_BYTES))));
  const reader = await openReader({ uri: path, openTimeoutMs: 5_000 });
  const read = await readAll(reader);
  const start = read[0]!.dts!;
  assert.equal(pictures.slice(1).map((bytes) => Math.round(readLiveHead(bytes).mediaTime)), read.map(({ pts }) => Math.round((pts! - start) * 1e6 / 30_000)));
}));

test('live.mp4 is one file that does not end, one fragment a picture, from a key frame on', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  const clip = encodeClip('h264', { frames: 20, gop: 10 });
  rig.backend.liveItems = await liveItemsOf(clip);
  const received: Buffer[] = [];
  const request = httpRequest({ port: rig.port, path: '/api/v1/cameras/dock-1/live.mp4', agent: false });
  request.end();
  const [response] = await once(request, 'response') as [NodeJS.ReadableStream & { headers: Record<string, string>; statusCode: number }];
  assert.equal([response.statusCode, response.headers['content-type'], response.headers['cache-control']], [200, 'video/mp4', 'no-store']);
  response.on('data', (chunk: Buffer) => received.push(chunk));
  response.on('error', () => { /* it is cut below */ });
  const total = clip.units.reduce((sum, { data }) => sum + data.byteLength, 0);
  await eventually(() => received.reduce((sum, { length }) => sum + length, 0) > total, 'every picture');
  request.destroy();
  await eventually(() => rig.backend.watches === 0, 'nobody watches any more');
  const path = join(temporaryFolder(), 'file.mp4');
  writeFileSync(path, Buffer.concat(received));
  assert.is((await readAll(await openReader({ uri: path, openTimeoutMs: 5_000 }))).length, 20);
}));

test('live.mp4 ends when the stream changes, for the client to ask again', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  rig.backend.liveItems = [liveStart(1), liveUnit(0, true), liveStart(2), liveUnit(0, true)];
  const { status, text } = await rig.call('GET', '/api/v1/cameras/dock-1/live.mp4');
  assert.is(status, 200);
  assert.is(text.length > 100 && text.length < 400, true);
}));

test('a snapshot is made once a second at most for each width, and asked for again only when it is new', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('dock-1');
  const [first, second] = await Promise.all([call('GET', '/api/v1/cameras/dock-1/snapshot.jpg'), call('GET', '/api/v1/cameras/dock-1/snapshot.jpg')]);
  assert.is(backend.shots, 1);
  assert.equal([first.status, first.headers['content-type'], first.headers['last-modified']], [200, 'image/jpeg', 'Tue, 14 Nov 2023 22:13:20 GMT']);
  assert.is(first.headers['etag'], second.headers['etag']);
  const again = await call('GET', '/api/v1/cameras/dock-1/snapshot.jpg', { headers: { 'if-none-match': String(first.headers['etag']) } });
  assert.equal([again.status, again.text], [304, '']);
  const small = await call('GET', '/api/v1/cameras/dock-1/snapshot.jpg?width=320');
  assert.is(backend.shots, 2);
  assert.not.equal(small.headers['etag'], first.headers['etag']);
  assert.is((await call('GET', '/api/v1/cameras/dock-1/snapshot.jpg?width=8')).status, 400);
  assert.is((await call('GET', '/api/v1/cameras/nobody/snapshot.jpg')).status, 404);
}));

test('upgrades are refused in HTTP: unknown cameras, other origins, other hosts, other paths, no token', () => withGateway({ tokens: [TOKEN] }, async (rig) => {
  rig.backend.addView('dock-1');
  const path = '/api/v1/cameras/dock-1/live';
  const token = `?access_token=${TOKEN}`;
  const bearer = { authorization: `Bearer ${TOKEN}` };
  const cases: [string, Record<string, string>, number, string][] = [
    [path, {}, 401, 'UNAUTHORIZED'], [`${path}?access_token=wrong-token`, {}, 401, 'UNAUTHORIZED'], [path, { authorization: 'Bearer wrong-token' }, 401, 'UNAUTHORIZED'],
    ['/api/v1/cameras/nobody/live', bearer, 404, 'CAMERA_UNKNOWN'], ['/api/v1/cameras', bearer, 404, 'ROUTE_UNKNOWN'], [`${path}?format=avi`, bearer, 400, 'REQUEST_INVALID'],
    [path + token, { origin: 'http://evil.example' }, 403, 'ORIGIN_REFUSED'], [path + token, { host: 'evil.example' }, 421, 'HOST_REFUSED'],
  ];
  for (const [at, headers, status, code] of cases) {
    const answer = await refusedUpgrade(rig, at, headers);
    assert.equal([answer.status, (JSON.parse(answer.text) as { code: string }).code], [status, code], at);
    assert.is(answer.headers['www-authenticate'], status === 401 ? 'Bearer realm="vto"' : undefined);
  }
  rig.backend.liveItems = [liveStart(), liveUnit(0, true)];
  for (const [query, headers] of [[token, {}], ['', bearer]] as const) {
    const { socket, pictures } = await watch(rig, query, headers);
    await eventually(() => pictures.length === 1, 'a picture');
    socket.close();
  }
  const plain = await rig.call('GET', path, { headers: bearer });
  assert.equal([plain.status, plain.headers['upgrade']], [426, 'websocket']);
  assert.is((await rig.call('GET', `/api/v1/cameras/dock-1/snapshot.jpg${token}`)).status, 200);
  assert.not.match(JSON.stringify(rig.logged), TOKEN);
}));

test('viewers count as streams, and one too many is refused', () => withGateway({ maxStreams: 1 }, async (rig) => {
  rig.backend.addView('dock-1');
  const { socket } = await watch(rig);
  assert.is((await refusedUpgrade(rig, '/api/v1/cameras/dock-1/live')).status, 429);
  socket.close();
  await eventually(() => rig.gateway.counts().openStreams === 0, 'the place is free');
  (await watch(rig)).socket.close();
}));

test('a gateway that stops tells its viewers', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  const { socket, texts } = await watch(rig);
  const closed = once(socket, 'close') as Promise<[number]>;
  await rig.gateway.close({ deadlineMs: 500 });
  assert.is((await closed)[0], 1001);
  assert.is(texts.at(-1)?.['type'], 'end');
}));

test('a camera that is removed ends its viewers with the reason', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  rig.backend.isEnded = true;
  const { socket, texts } = await watch(rig);
  const [code] = socket.readyState === WebSocket.CLOSED ? [4404] : await once(socket, 'close') as [number];
  assert.is(code, 4404);
  assert.equal(texts.map(({ type }) => type), ['end']);
}));

test('a client that offers HTTP/2 is answered as if it had not', () => withGateway({}, async ({ port }) => {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n');
  const [answer] = await once(socket, 'data') as [Buffer];
  socket.destroy();
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
}));

test('a socket that sends what nobody asked for is closed, and the gateway lives', () => withGateway({}, async (rig) => {
  rig.backend.addView('dock-1');
  const { socket } = await watch(rig);
  socket.send(Buffer.alloc(100_000));
  await once(socket, 'close');
  assert.is((await rig.call('GET', '/healthz')).status, 200);
}));

test('pages and their files come with a policy that allows this server alone; without a token a page asks for it', () => withGateway({ tokens: [TOKEN] }, async ({ backend, call }) => {
  backend.addView('dock-1');
  for (const path of ['/live', '/live/dock-1']) {
    const asked = await call('GET', path);
    assert.is(asked.status, 401);
    assert.match(asked.text, /<form method="get">/);
    const page = await call('GET', `${path}?access_token=${TOKEN}`);
    assert.is(page.status, 200);
    assert.match(String(page.headers['content-security-policy']), "default-src 'none'; script-src 'self'");
    assert.is(page.headers['referrer-policy'], 'no-referrer');
    assert.not.match(page.text, /https?:|<script>|style=|onload=/);
    for (const [, file] of page.text.matchAll(/(?:src|href)="(\/live\/files\/[^"]+)"/g)) {
      const answer = await call('GET', file ?? '');
      assert.is(answer.status, 200, file);
      assert.not.match(answer.text, /https?:\/\/(?!vto|www\.w3\.org\/2000\/svg)/);
      for (const [, name] of answer.text.matchAll(/from '\.\/([\w.-]+)'/g)) assert.is((await call('GET', `/live/files/${name}`)).status, 200, name);
    }
  }
  assert.is((await call('GET', '/live/nobody', { headers: { authorization: `Bearer ${TOKEN}` } })).status, 404);
  assert.is((await call('GET', '/live/files/../gateway.ts')).status, 404);
}));

test.run();
