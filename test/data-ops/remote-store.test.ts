import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { remoteStore, serveStore } from '../../src/data-ops/remote-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CAMERA = 'dock-2' as CameraId;
const LINK = { clock: systemClock, random: systemRandom };

/** A store that answers with what it was asked. */
function fakeStore(own: Partial<Record<keyof Store, (...args: never[]) => unknown>> = {}): Store {
  return new Proxy({}, { get: (_, name: keyof Store) => own[name] ?? ((...args: unknown[]) => [name, ...args]) }) as Store; // every method is there
}

async function serve(path: string, store: Store): Promise<IpcNode> {
  const node = await listenIpc({ ...LINK, path, onError: () => {} });
  serveStore(node, store);
  return node;
}

test('calls arrive with their arguments, and answers and errors come back as they were', async () => {
  const path = join(temporaryFolder(), 's');
  const server = await serve(path, fakeStore({ putChunks: () => { throw new PlatformError('STORE_FAILED', 'disk full', { table: 'chunks' }); } }));
  const client = connectIpc({ ...LINK, path, backoffMs: 5, backoffMaxMs: 20 });
  const store = remoteStore(client, systemClock, new AbortController().signal);
  assert.equal(await store.recordsAfter(3, 7, CAMERA), ['recordsAfter', 3, 7, CAMERA]);
  assert.equal(await store.chunks({ camera: CAMERA, onlyOfEpoch: 4 }), ['chunks', { camera: CAMERA, onlyOfEpoch: 4 }]);
  assert.equal(await store.nextEpoch(CAMERA, epochMicros(5)), ['nextEpoch', CAMERA, 5]);
  try {
    await store.putChunks([]);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, PlatformError);
    const { code, message, facts, fate } = error as PlatformError;
    assert.equal({ code, message, facts, fate }, { code: 'STORE_FAILED', message: 'disk full', facts: { table: 'chunks' }, fate: 'restart' });
  }
  await client.close();
  await server.close();
});

test('a call that loses its store is made again to the next one, and waits for one that is not there yet', async () => {
  const path = join(temporaryFolder(), 's');
  const asked = Promise.withResolvers<undefined>();
  const first = await serve(path, fakeStore({ lastRecordId: () => { asked.resolve(undefined); return new Promise(() => { /* it dies first */ }); } }));
  const client = connectIpc({ ...LINK, path, backoffMs: 5, backoffMaxMs: 20 });
  const store = remoteStore(client, systemClock, new AbortController().signal);
  const answer = store.lastRecordId();
  await asked.promise;
  await first.close();
  const second = await serve(path, fakeStore({ lastRecordId: () => 42 }));
  assert.is(await answer, 42);
  await client.close();
  await second.close();
});

test('a call to a store that never comes ends with the signal', async () => {
  const client = connectIpc({ ...LINK, path: join(temporaryFolder(), 'nobody'), backoffMs: 5, backoffMaxMs: 20 });
  const stop = new AbortController();
  const answer = remoteStore(client, systemClock, stop.signal).cameras().then(() => 'answered', () => 'ended');
  stop.abort(new Error('over'));
  assert.is(await answer, 'ended');
  await client.close();
});

test.run();
