import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withGateway } from '../support/with-gateway.ts';

test('lists models, shows the active one, and takes a wish for another', () => withGateway({}, async ({ call }) => {
  assert.equal((await call('GET', '/api/v1/models')).json['models'], [{ model: 'motion@2', name: 'motion', version: '2', family: 'auto', source: 'built-in', isActive: true }]);
  const before = (await call('GET', '/api/v1/models/active')).json;
  assert.equal([before['active'], before['wanted'], before['state']], ['motion@2', 'motion@2', 'steady']);
  const asked = await call('PUT', '/api/v1/models/active', { body: { model: 'yolox@1' } });
  assert.equal([asked.status, asked.headers['location'], asked.json['wanted'], asked.json['state']], [202, '/api/v1/models/active', 'yolox@1', 'changing']);
}));

test('refuses what names no model, in problem details', () => withGateway({}, async ({ call }) => {
  const unknown = await call('PUT', '/api/v1/models/active', { body: { model: 'nobody@1' } });
  assert.equal([unknown.status, unknown.json['code'], unknown.json['field']], [404, 'MODEL_UNKNOWN', 'model']);
  for (const body of [{}, { model: '' }, { model: 7 }, { model: 'motion@2', force: true }]) assert.is((await call('PUT', '/api/v1/models/active', { body })).status, 400, JSON.stringify(body));
  assert.is((await call('GET', '/api/v1/models?x=1')).status, 400);
  assert.is((await call('DELETE', '/api/v1/models/active')).status, 405);
}));

test.run();
