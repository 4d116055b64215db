import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CameraRoutes } from '../../../actors/ingest/camera-routes.ts';
import type { SwitchedPort } from '../../../src/data-ops/feed/switched-port.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { NEVER } from '../../support/envelopes.ts';

const CAMERA = 'a' as CameraId;

/** A way to a vision process that notes what it is asked. */
function fakePort(name: string, notes: string[]) {
  const listeners = new Set<() => void>();
  let isAttached = false;
  const port = {
    push: async () => { notes.push(`${name} push`); }, room: async () => { notes.push(`${name} room`); }, leave: (camera: string) => { notes.push(`${name} leave ${camera}`); },
    onAttach: (listener: () => void) => { listeners.add(listener); if (isAttached) listener(); return () => { listeners.delete(listener); }; },
  } as unknown as SwitchedPort; // the calls that are made
  return { port, attach: () => { isAttached = true; for (const listener of listeners) listener(); }, listening: () => listeners.size };
}

test('a camera that goes to another vision process is fed there, hears of its attachments only, and is told to start over', async () => {
  const notes: string[] = [];
  const [one, other] = [fakePort('one', notes), fakePort('other', notes)];
  const routes = new CameraRoutes([one.port, other.port]);
  routes.send(CAMERA, 0);
  const { out, onAttach } = routes.consumerOf(CAMERA);
  let attachments = 0;
  const detach = onAttach(() => { attachments += 1; });
  one.attach();
  other.attach();
  assert.is(attachments, 1);
  await out.push([], NEVER);
  routes.send(CAMERA, 0);
  assert.is(attachments, 1, 'it is there already');
  routes.send(CAMERA, 1);
  assert.is(attachments, 2, 'it starts over with the new one, which is there');
  one.attach();
  assert.is(attachments, 2);
  await out.room(NEVER);
  assert.equal(notes, ['one push', 'one leave a', 'other room']);
  detach();
  assert.equal([one.listening(), other.listening()], [0, 0]);
});

test('a camera that was sent nowhere has no consumer', () => {
  const routes = new CameraRoutes([]);
  assert.throws(() => routes.consumerOf(CAMERA), /no vision process/);
  assert.throws(() => routes.send(CAMERA, 0), /no vision process at 0/);
});

test.run();
