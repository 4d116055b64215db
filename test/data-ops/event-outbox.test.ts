import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventOutbox } from '../../src/data-ops/event-outbox.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';
import { camera, chunkRow, dropped } from '../support/ledger-fixtures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const DOCK = camera('dock');
let stores = 0;

/** A store whose calls resolve, as over a link. */
function remote(store: Store) {
  return {
    eventsAfter: async (...args: Parameters<Store['eventsAfter']>) => store.eventsAfter(...args), logOffsets: async () => store.logOffsets(),
    appendFrom: async (...args: Parameters<Store['appendFrom']>) => store.appendFrom(...args), balances: async () => store.balances(),
  };
}

function world(file = join(folder, String(stores += 1), 'store.sqlite')) {
  const clock = fakeClock();
  const store = openSqliteStore(file, { clock });
  const told: string[] = [];
  const ending = new AbortController();
  const state = { isUp: true };
  const outbox = new EventOutbox({
    store: remote(store), node: 'a', clock,
    output: {
      room: async () => {},
      async push(items) {
        if (!state.isUp) await new Promise((_resolve, reject) => { ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true }); });
        for (const { body } of items) told.push(textOf(body));
      },
    },
  });
  const running = outbox.run(ending.signal);
  return { clock, store, told, state, file, async stop() { ending.abort(new Error('stopped')); await running.catch(() => {}); await settle(); store.close(); } };
}

function textOf(event: PlatformEvent): string {
  if (event.type === 'received') return `received ${event.received} of ${event.epoch}`;
  return event.type === 'camera-state' ? event.state : event.type;
}

const state = (name: 'live' | 'ended', at: number): PlatformEvent => ({ type: 'camera-state', camera: DOCK, at: epochMicros(at), state: name });

test('events are told in order, each once, also after a restart', async () => {
  const first = world();
  first.store.putEvents([state('live', 1), { type: 'gap', camera: DOCK, at: epochMicros(2), from: epochMicros(1), to: epochMicros(2), reason: 'stalled' }]);
  await first.clock.advance(300);
  assert.equal(first.told, ['live', 'gap']);
  await first.stop();
  const second = world(first.file);
  second.store.putEvents([state('live', 9)]);
  await second.clock.advance(300);
  assert.equal(second.told, ['live']);
  await second.stop();
});

test('that a camera has ended is told when all its frames are handed over, and after how many they are', async () => {
  const { clock, store, told, stop } = world();
  store.putChunks([chunkRow({ camera: DOCK, epoch: 4, chunkSeq: 0, frameCount: 10 })]);
  store.append([dropped(DOCK, 4, 0, 6, 'handed-over')]);
  store.putEvents([state('live', 1), state('ended', 2), state('live', 3)]);
  await clock.advance(250);
  assert.equal(told, ['live']);
  await clock.advance(2_000);
  assert.equal(told, ['live', 'received 7 of 4']);
  store.append([dropped(DOCK, 4, 7, 9, 'handed-over')]);
  await clock.advance(250);
  assert.equal(told, ['live', 'received 7 of 4', 'received 10 of 4', 'ended', 'live']);
  await stop();
});

test('a count is told when it has grown', async () => {
  const { clock, store, told, stop } = world();
  store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 10 })]);
  store.append([dropped(DOCK, 1, 0, 4, 'handed-over')]);
  await clock.advance(3_500);
  assert.equal(told, ['received 5 of 1']);
  store.append([dropped(DOCK, 1, 5, 5, 'handed-over')]);
  await clock.advance(1_100);
  assert.equal(told, ['received 5 of 1', 'received 6 of 1']);
  await stop();
});

test.run();
