import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { detected, dropped } from '../support/fake-backend.ts';
import { withGateway } from '../support/with-gateway.ts';

const dock = 'dock-1' as CameraId;

test('pages through every record once', () => withGateway({}, async ({ backend, call }) => {
  for (let seq = 0; seq < 25; seq++) backend.append(seq % 5 === 0 ? dropped(dock, seq, seq) : detected(seq % 2 === 0 ? dock : 'gate', seq));
  const ids: unknown[] = [];
  let after = 0;
  for (let isFull = true; isFull;) {
    const page = await call('GET', `/api/v1/records?after=${String(after)}&limit=7`);
    ids.push(...(page.json['records'] as { id: number }[]).map((record) => record.id));
    after = page.json['nextAfter'] as number;
    isFull = page.json['isFull'] as boolean;
  }
  assert.equal(ids, Array.from({ length: 25 }, (_, index) => index + 1));
  const gate = await call('GET', '/api/v1/records?camera=gate');
  assert.ok((gate.json['records'] as { camera: string }[]).every((record) => record.camera === 'gate'));
  assert.is((await call('GET', '/api/v1/records?limit=1001')).status, 400);
  assert.is((await call('GET', '/api/v1/records?camera=UPPER')).json['field'], 'camera');
}));

test('the ledger says whether it is balanced', () => withGateway({}, async ({ backend, call }) => {
  backend.ledger = [
    { camera: dock, epoch: 1, received: 10, detected: 4, dropped: { rate: 3, 'not-wanted': 2 }, pending: 1, gaps: 0 },
    { camera: dock, epoch: 2, received: 10, detected: 4, dropped: {}, pending: 1, gaps: 0 },
  ];
  const balances = (await call('GET', '/api/v1/ledger')).json['balances'] as { droppedTotal: number; isBalanced: boolean }[];
  assert.equal(balances.map((balance) => [balance.droppedTotal, balance.isBalanced]), [[5, true], [0, false]]);
}));

test('events and chunks carry readable times and no credentials', () => withGateway({}, async ({ backend, call }) => {
  const at = epochMicros(1_700_000_000_000_000);
  backend.platformEvents.push({ type: 'gap', camera: dock, at, from: at, to: at, reason: 'power' }, { type: 'camera-state', camera: dock, at, state: 'retrying', message: 'rtsp://root:hunter2@cam refused' });
  backend.chunkRows = [{ camera: dock, epoch: 1, chunkSeq: 0, path: 'a/b.mp4', firstFrameSeq: 0, frameCount: 2, startedAt: at, endedAt: at, sizeBytes: 9, isOpenGop: false, contentHash: null, isClosed: false, isExpired: false }];
  const events = await call('GET', '/api/v1/events?limit=5');
  assert.is((events.json['events'] as { from: string }[])[0]?.from, '2023-11-14T22:13:20.000000Z');
  assert.not.match(events.text, 'hunter2');
  const chunks = await call('GET', '/api/v1/chunks?from=2023-01-01T00:00:00Z');
  assert.is((chunks.json['chunks'] as { startedAt: string }[])[0]?.startedAt, '2023-11-14T22:13:20.000000Z');
  assert.is((await call('GET', '/api/v1/chunks?from=yesterday')).json['field'], 'from');
}));

test.run();
