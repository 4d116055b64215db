import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withGateway } from '../support/with-gateway.ts';

const CHUNKS = { group: 'vto.detector', topic: 'vto.chunks' };

test('tells lag by group and topic, with the seconds of the partition that is furthest behind', () => withGateway({}, async ({ backend, call }) => {
  backend.partitions = [
    { ...CHUNKS, partition: 0, offset: 5, end: 9, records: 4, seconds: 1.5 }, { ...CHUNKS, partition: 1, offset: 7, end: 8, records: 1, seconds: 8 },
    { group: 'vto.index', topic: 'vto.events', partition: 0, offset: 3, end: 4, records: 1, seconds: null },
  ];
  const { status, json } = await call('GET', '/api/v1/lag');
  assert.equal([status, json['groups']], [200, [
    { ...CHUNKS, records: 5, seconds: 8, partitions: [{ partition: 0, offset: 5, end: 9, records: 4, seconds: 1.5 }, { partition: 1, offset: 7, end: 8, records: 1, seconds: 8 }] },
    { group: 'vto.index', topic: 'vto.events', records: 1, seconds: null, partitions: [{ partition: 0, offset: 3, end: 4, records: 1, seconds: null }] },
  ]]);
}));

test('a machine without a cluster has none', () => withGateway({}, async ({ call }) => {
  assert.equal((await call('GET', '/api/v1/lag')).json, { groups: [] });
  assert.is((await call('GET', '/api/v1/lag?group=x')).status, 400);
}));

test.run();
