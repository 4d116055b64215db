import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LaneOutput } from '../../../actors/ingest/lane-output.ts';
import type { Envelope } from '../../../src/engine/ports.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import { cameraOfLane, isBackfillLane, isLane } from '../../../src/messages/lane.ts';
import { settle } from '../../support/fake-clock.ts';
import { camera } from '../../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');
const item = (): Envelope<ChunkPart> => ({ body: { camera: DOCK } as ChunkPart, key: DOCK, capturedAt: epochMicros(1), trace: '' });

test('what is back-filled travels under a key of its own, few parts at a time', async () => {
  const pushed: { readonly key: string; done(error?: Error): void }[] = [];
  const out = new LaneOutput({
    push: items => new Promise((resolve, reject) => { pushed.push({ key: items[0]!.key, done: error => { if (error) reject(error); else resolve(); } }); }),
    room: async () => {},
  }, DOCK);
  const signal = new AbortController().signal;
  for (let index = 0; index < 64; index += 1) {
    await out.room(signal);
    out.push([item()], signal).catch(() => { /* given back */ });
  }
  let hasRoom = 0;
  void out.room(signal).then(() => { hasRoom += 1; });
  await settle();
  assert.is(hasRoom, 0);
  pushed[10]!.done(new Error('given back'));
  await settle();
  assert.is(hasRoom, 1);
  assert.equal([...new Set(pushed.map(({ key }) => key))], ['dock-2~backfill']);
  const leaving = new AbortController();
  void out.push([item()], signal);
  const waiting = out.room(leaving.signal);
  leaving.abort(new Error('enough'));
  assert.is(await waiting.catch((error: unknown) => (error as Error).message), 'enough');
});

test('no camera can have the key of what is back-filled, and the key names its camera', () => {
  assert.ok(isBackfillLane('dock-2~backfill'));
  assert.ok(isLane('dock-2~backfill') && isLane('dock-2'));
  assert.not.ok(isBackfillLane('dock-2') || isLane('~backfill') || isLane('a~backfill~backfill') || isLane('a~other'));
  assert.is(cameraOfLane('dock-2~backfill'), DOCK);
  assert.is(cameraOfLane('dock-2'), DOCK);
});

test.run();
