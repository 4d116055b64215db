import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import { eventually } from '../support/eventually.ts';
import { readLines } from '../support/line-reader.ts';
import { withGateway } from '../support/with-gateway.ts';

const dock = 'dock-1' as CameraId;

function feature(frameSeq: number, encoder = 'hog@1'): FeatureTensor {
  return {
    camera: dock, epoch: 1, frameSeq, capturedAt: epochMicros(1_700_000_000_000_000 + frameSeq * 1e6), arrivedAt: epochMicros(0), ptsSeconds: 0.5, modality: 'rgb', encoder,
    dtype: 'float32', shape: [1, 2], geometry: null, decodeMs: 1, encoding: 'raw', baseSeq: -1, payload: new Uint8Array(Float32Array.of(frameSeq, 0.25).buffer),
  };
}

interface Page { readonly features: readonly { readonly id: number; readonly frameSeq: number; readonly encoder: string; readonly values: unknown; readonly capturedAt: string }[]; readonly nextAfter: number }

test('shows the newest features, then pages from a place on, as numbers or base64', () => withGateway({}, async ({ backend, call }) => {
  backend.addView(dock);
  for (let seq = 0; seq < 25; seq++) backend.featureRows.push({ id: seq + 1, feature: feature(seq, seq % 2 === 0 ? 'hog@1' : 'lbp@1') });
  const page = async (query: string): Promise<Page> => (await call('GET', `/api/v1/cameras/dock-1/features${query}`)).json as unknown as Page;
  const newest = await page('');
  assert.equal(newest.features.map(({ frameSeq }) => frameSeq), Array.from({ length: 10 }, (_, index) => 15 + index));
  assert.equal(newest.features[0], { kind: 'feature', id: 16, camera: dock, epoch: 1, frameSeq: 15, capturedAt: '2023-11-14T22:13:35.000000Z', pts: 0.5, modality: 'rgb', encoder: 'lbp@1', dtype: 'float32', shape: [1, 2], values: [15, 0.25] });
  assert.is((await page('?limit=1&values=base64')).features[0]!.values, Buffer.from(Float32Array.of(24, 0.25).buffer).toString('base64'));
  const ids: number[] = [];
  for (let after = 0; ;) {
    const { features, nextAfter } = await page(`?after=${after}&limit=4&encoder=hog`);
    if (features.length === 0) { assert.is(nextAfter, after); break; }
    ids.push(...features.map(({ id }) => id));
    after = nextAfter;
  }
  assert.equal(ids, Array.from({ length: 13 }, (_, index) => 2 * index + 1));
  assert.equal((await page('?from=2023-11-14T22:13:21Z&to=2023-11-14T22:13:23Z')).features.map(({ frameSeq }) => frameSeq), [1, 2]);
}));

test('streams features as they come, and ends when the camera is removed', () => withGateway({}, async ({ backend, call, port }) => {
  backend.addView(dock);
  backend.featureRows.push({ id: 1, feature: feature(0) });
  const reader = await readLines(port, '/api/v1/cameras/dock-1/features?format=ndjson&after=0');
  await eventually(() => reader.lines.length === 1, 'the feature that was there');
  backend.featureRows.push({ id: 2, feature: feature(1) });
  await eventually(() => reader.lines.length === 2, 'the one that came');
  await call('DELETE', '/api/v1/cameras/dock-1');
  assert.is(await reader.done, 'end');
  assert.equal(reader.lines.map(({ frameSeq }) => frameSeq), [0, 1]);
}));

test('answers HEAD without a body, whatever the format', () => withGateway({}, async ({ backend, call }) => {
  backend.addView(dock);
  for (const [format, type] of [['json', /application\/json/], ['ndjson', /x-ndjson/]] as const) {
    const answer = await call('HEAD', `/api/v1/cameras/dock-1/features?format=${format}`);
    assert.equal([answer.status, answer.text], [200, '']);
    assert.match(answer.headers['content-type'] ?? '', type);
  }
}));

test('refuses what it does not know by name', () => withGateway({}, async ({ backend, call }) => {
  backend.addView(dock);
  assert.is((await call('GET', '/api/v1/cameras/gate/features')).json['code'], 'CAMERA_UNKNOWN');
  for (const [query, field] of [['limit=0', 'limit'], ['encoder=HOG', 'encoder'], ['from=today', 'from'], ['values=hex', 'values'], ['format=csv', 'format'], ['camera=x', 'camera']] as const) {
    const answer = await call('GET', `/api/v1/cameras/dock-1/features?${query}`);
    assert.equal([answer.status, answer.json['field']], [400, field], query);
  }
}));

test('changes encoders, and refuses unknown ones, wrong options, and model files without leave', () => withGateway({}, async ({ backend, call }) => {
  backend.addView(dock);
  const change = (encoders: unknown): ReturnType<typeof call> => call('PATCH', '/api/v1/cameras/dock-1', { body: { encoders } });
  const changed = await change(['hog', { name: 'lbp', columns: 8 }]);
  assert.equal([changed.status, changed.json['encoders']], [200, [{ name: 'hog' }, { columns: 8, name: 'lbp' }]]);
  assert.equal((await change([])).json['encoders'], []);
  const unknown = await change(['sift']);
  assert.equal([unknown.status, unknown.json['code']], [400, 'PLUGIN_UNKNOWN']);
  assert.match(String(unknown.json['detail']), /unknown encoder 'sift' \(known for rgb: hog/);
  for (const [encoders, pattern] of [[[{ name: 'hog', cell: 0 }], /option 'cell'/], [[{ name: 'hog', sell: 8 }], /unknown option 'sell'/], [['hog', 'hog'], /wanted twice/], [[{ cell: 8 }], /encoders/], ['hog', /encoders/]] as const) {
    const refused = await change(encoders);
    assert.equal([refused.status, refused.json['code']], [400, 'REQUEST_INVALID'], JSON.stringify(encoders));
    assert.match(String(refused.json['detail']), pattern);
  }
  assert.is((await change([{ name: 'onnx', file: '/srv/model.onnx' }])).json['code'], 'STREAM_NOT_ALLOWED');
  assert.is((await call('PATCH', '/api/v1/cameras/gate', { body: { encoders: [] } })).status, 404);
  const wrongModality = await call('POST', '/api/v1/cameras', { body: { id: 'room', uri: 'rtsp://cam/1', modality: 'depth', encoders: ['lbp'] } });
  assert.match(String(wrongModality.json['detail']), /unknown encoder 'lbp' for modality 'depth' \(known: hog, depth-normals, onnx\)/);
}));

test('lists the encoders with the options of each', () => withGateway({}, async ({ call }) => {
  const { encoders } = (await call('GET', '/api/v1/encoders')).json as unknown as { readonly encoders: readonly { readonly name: string; readonly options: { readonly properties: Record<string, { default?: unknown; description?: string }> } }[] };
  assert.equal(encoders.map(({ name }) => name), ['hog', 'colour-histogram', 'lbp', 'motion-energy', 'depth-normals', 'thermal-statistics', 'onnx']);
  assert.is(encoders[0]!.options.properties['cell']!.default, 8);
  assert.ok(encoders[0]!.options.properties['cell']!.description);
}));

test.run();
