import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import type { JsmpegAccess } from '../../src/serving-ops/service.ts';
import { eventually } from '../support/eventually.ts';
import { withGateway } from '../support/with-gateway.ts';

interface Viewer { readonly received: number[]; readonly socket: WebSocket; readonly closed: Promise<{ readonly code: number; readonly reason: string }> }

function connect(port: number, path: string): Viewer {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  socket.binaryType = 'arraybuffer';
  const received: number[] = [];
  socket.addEventListener('message', ({ data }: { data: unknown }) => { received.push(...new Uint8Array(data as ArrayBuffer)); });
  const closed = new Promise<{ code: number; reason: string }>(resolve => { socket.addEventListener('close', ({ code, reason }) => { resolve({ code, reason }); }); });
  return { received, socket, closed };
}

/** Pictures that come until the viewer leaves; `left` counts who did. */
function endless(): JsmpegAccess & { left: number; watching: string[] } {
  const access = {
    left: 0, watching: [] as string[],
    async *watch(camera: string, signal: AbortSignal) {
      access.watching.push(camera);
      yield Uint8Array.of(1, 2);
      yield Uint8Array.of(3);
      await new Promise<void>(resolve => { signal.addEventListener('abort', () => resolve(), { once: true }); });
      access.left += 1;
    },
  };
  return access;
}

test('an old player gets the bytes as they come, with a token where one is needed, and is missed when it leaves', async () => {
  const jsmpeg = endless();
  await withGateway({ jsmpeg, tokens: ['right'], maxStreams: 1 }, async ({ backend, port, gateway }) => {
    backend.addView('dock-1');
    const viewer = connect(port, '/api/v1/cameras/dock-1/jsmpeg?access_token=right');
    await eventually(() => viewer.received.length === 3, 'the bytes');
    assert.equal([viewer.received, jsmpeg.watching, gateway.counts().openStreams], [[1, 2, 3], ['dock-1'], 1]);
    for (const path of ['dock-1/jsmpeg', 'dock-1/jsmpeg?access_token=wrong', 'nobody/jsmpeg?access_token=right', 'dock-1/jsmpeg?access_token=right']) assert.is((await connect(port, `/api/v1/cameras/${path}`).closed).code, 1006, path);
    viewer.socket.close();
    await eventually(() => jsmpeg.left === 1 && gateway.counts().openStreams === 0, 'the viewer is gone');
  });
});

test('how a stream ended is told by the close: 4000 and the HTTP status, the name of the error and what happened', async () => {
  const jsmpeg: JsmpegAccess = {
    // oxlint-disable-next-line require-yield -- it fails before there is anything to give
    async *watch() { throw new PlatformError('FFMPEG_MISSING', `ffmpeg cannot be run: ${'é'.repeat(200)}`); },
  };
  await withGateway({ jsmpeg }, async ({ backend, port }) => {
    backend.addView('dock-1');
    const { code, reason } = await connect(port, '/api/v1/cameras/dock-1/jsmpeg').closed;
    assert.is(code, 4503);
    assert.match(reason, /^FFMPEG_MISSING: ffmpeg cannot be run: é+$/);
  });
  await withGateway({}, async ({ backend, port }) => {
    backend.addView('dock-1');
    assert.equal((await connect(port, '/api/v1/cameras/dock-1/jsmpeg').closed).code, 4421, 'a gateway without it says so');
  });
});

test('a gateway that stops tells its viewers', async () => {
  const jsmpeg = endless();
  let closed: Viewer['closed'] | undefined;
  await withGateway({ jsmpeg }, async ({ backend, port }) => {
    backend.addView('dock-1');
    const viewer = connect(port, '/api/v1/cameras/dock-1/jsmpeg');
    await eventually(() => viewer.received.length === 3, 'the bytes');
    closed = viewer.closed;
  });
  assert.is((await closed)?.code, 1001);
  assert.is(jsmpeg.left, 1);
});

test('the page and its player are served, and the player is a script that old browsers run', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('dock-1');
  const page = await call('GET', '/live/dock-1/jsmpeg');
  assert.is(page.status, 200);
  for (const [, path] of page.text.matchAll(/(?:src|href)="(\/live\/files\/[^"]+)"/g)) {
    const { status, headers } = await call('GET', path ?? '');
    assert.is(status, 200, path);
    assert.match(headers['content-type'] ?? '', /^text\/(?:javascript|css)/, path);
  }
  const { text } = await call('GET', '/live/files/jsmpeg-player.js');
  assert.not.match(text, /^\s*(?:import|export) /m);
  assert.match(text, 'JSMpeg');
}));

test.run();
