import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDesk, type Desk } from '../../../actors/ingest/desk.ts';
import { CameraDesks, clusterDesks, deskSocket, type DeskAccess } from '../../../actors/root/camera-desks.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { fakeClock, settle } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const dock = 'dock' as CameraId;
const yard = 'yard' as CameraId;
const never = new AbortController().signal;

interface World { readonly sockets: string; readonly desks: CameraDesks; readonly cameras: Map<CameraId, string>; open(process: string): Promise<Desk> }

async function withDesks(check: (world: World) => Promise<void>): Promise<void> {
  const sockets = temporaryFolder();
  const cameras = new Map<CameraId, string>();
  const desks = new CameraDesks({ processOf: id => cameras.get(id), sockets: () => sockets, clock: systemClock, random: systemRandom });
  const opened: Desk[] = [];
  try {
    await check({
      sockets, desks, cameras,
      async open(process) {
        const desk = await openDesk({ socket: deskSocket(sockets, process), hasCamera: id => cameras.get(id) === process, clock: systemClock, random: systemRandom, onError() {} });
        opened.push(desk);
        return desk;
      },
    });
  } finally {
    await desks.close();
    await Promise.all(opened.map(desk => desk.close()));
  }
}

async function refusal(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(() => undefined, (reason: unknown) => reason);
  return error instanceof PlatformError ? error.code : String(error);
}

test('asks the process that has the camera, and passes params and answers', () => withDesks(async ({ desks, cameras, open }) => {
  cameras.set(dock, 'ingest-0').set(yard, 'ingest-1');
  for (const name of ['ingest-0', 'ingest-1']) (await open(name)).handle('where', (camera, params) => ({ camera, name, params }));
  assert.equal(await desks.call(dock, 'where', { x: 1 }, never), { camera: 'dock', name: 'ingest-0', params: { x: 1 } });
  assert.equal(await desks.call(yard, 'where', new Uint8Array([1]), never), { camera: 'yard', name: 'ingest-1', params: new Uint8Array([1]) });
}));

test('a handler\'s refusal arrives with its code, and its signal aborts when the caller leaves', () => withDesks(async ({ desks, cameras, open }) => {
  cameras.set(dock, 'ingest-0');
  const desk = await open('ingest-0');
  desk.handle('refuse', () => { throw new PlatformError('REQUEST_INVALID', 'no such offer', { field: 'sdp' }); });
  assert.is(await refusal(desks.call(dock, 'refuse', undefined, never)), 'REQUEST_INVALID');
  const left = new AbortController();
  const ended = new Promise<void>(resolve => {
    desk.handleStream('count', async function* (_camera, from, signal) {
      try { for (let value = from as number; !signal.aborted; value += 1) yield value; } finally { resolve(); }
    });
  });
  const seen: unknown[] = [];
  for await (const value of desks.stream(dock, 'count', 5, left.signal)) {
    seen.push(value);
    if (seen.length === 3) break;
  }
  assert.equal(seen, [5, 6, 7]);
  await ended;
}));

test('a camera that nobody knows is refused at once', () => withDesks(async ({ desks, open }) => {
  const desk = await open('ingest-0');
  desk.handle('where', () => 'here');
  assert.is(await refusal(desks.call(dock, 'where', undefined, never)), 'CAMERA_UNKNOWN');
}));

test('a camera that its process does not run yet is to be asked for again', () => withDesks(async ({ sockets, cameras, open }) => {
  (await open('ingest-0')).handle('where', () => 'here');
  const desks = new CameraDesks({ processOf: () => 'ingest-0', sockets: () => sockets, clock: systemClock, random: systemRandom });
  try {
    assert.is(await refusal(desks.call(dock, 'where', undefined, never)), 'PORT_CLOSED');
    cameras.set(dock, 'ingest-0');
    assert.is(await desks.call(dock, 'where', undefined, never), 'here');
  } finally {
    await desks.close();
  }
}));

test('a process that is replaced is waited for; what was asked of the old one is refused', () => withDesks(async ({ desks, cameras, open }) => {
  cameras.set(dock, 'ingest-0');
  const asked = desks.call(dock, 'where', undefined, never); // nobody listens yet
  const first = await open('ingest-0');
  let isAsked = (): void => {};
  const hangs = new Promise<void>(resolve => { isAsked = resolve; });
  first.handle('where', () => 'first');
  first.handle('hang', () => { isAsked(); return new Promise(() => {}); });
  assert.is(await asked, 'first');
  const hanging = refusal(desks.call(dock, 'hang', undefined, never));
  await hangs;
  await first.close();
  assert.is(await hanging, 'PORT_CLOSED');
  const again = desks.call(dock, 'where', undefined, never);
  (await open('ingest-0')).handle('where', () => 'second');
  assert.is(await again, 'second');
}));

test('a process that does not come back is not waited for for ever', async () => {
  const clock = fakeClock();
  const desks = new CameraDesks({ processOf: () => 'ingest-0', sockets: temporaryFolder, clock, random: systemRandom });
  const asked = refusal(desks.call(dock, 'where', undefined, never));
  await settle();
  await clock.advance(3_000);
  assert.is(await asked, 'PORT_CLOSED');
  await desks.close();
});

test('a gateway node says that a camera is elsewhere, and asks its own', async () => {
  const own: DeskAccess = {
    call: (camera) => (camera === dock ? Promise.resolve('own') : Promise.reject(new PlatformError('CAMERA_UNKNOWN', 'not here'))),
    socketOf(camera) { if (camera !== dock) throw new PlatformError('CAMERA_UNKNOWN', 'not here'); return '/s/ingest-0-desk.sock'; },
    async *stream(camera) { yield await this.call(camera, '', undefined, never); },
  };
  for (const desks of [clusterDesks(own, id => id !== ('gone' as CameraId)), clusterDesks(undefined, id => id !== ('gone' as CameraId))]) {
    assert.is(await refusal(desks.call(yard, 'where', undefined, never)), 'CAMERA_ELSEWHERE');
    assert.is(await refusal(desks.call('gone' as CameraId, 'where', undefined, never)), 'CAMERA_UNKNOWN');
    assert.throws(() => desks.socketOf(yard), /run by another node/);
    assert.is(await refusal(Array.fromAsync(desks.stream(yard, 'where', undefined, never))), 'CAMERA_ELSEWHERE');
  }
  assert.is(await clusterDesks(own, () => true).call(dock, 'where', undefined, never), 'own');
  assert.is(clusterDesks(own, () => true).socketOf(dock), '/s/ingest-0-desk.sock');
  assert.equal(await Array.fromAsync(clusterDesks(own, () => true).stream(dock, 'where', undefined, never)), ['own']);
});

test.run();
