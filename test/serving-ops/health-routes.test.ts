import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { withGateway } from '../support/with-gateway.ts';

test('tells readiness by status and shows the supervision tree', () => withGateway({}, async ({ backend, call }) => {
  const ready = await call('GET', '/readyz');
  assert.is(ready.status, 200);
  assert.is((ready.json['tree'] as { name: string }).name, 'root');
  backend.readiness = { ready: false, reasons: ['vision-1 is starting'] };
  const unready = await call('GET', '/readyz');
  assert.is(unready.status, 503);
  assert.equal(unready.json['reasons'], ['vision-1 is starting']);
  const text = await call('GET', '/readyz?format=text');
  assert.is(text.status, 503);
  assert.is(text.text, [
    'not ready: vision-1 is starting', 'root running generation=1',
    '  vision-1 backing-off (starting) generation=3 restarts=2 last: PROCESS_EXITED child of rtsp://***@cam/ ended', ''].join('\n'));
}));

test('a node that works less well is ready all the same, and says why and how its links are', () => withGateway({}, async ({ backend, call }) => {
  backend.readiness = {
    ready: true, reasons: [], degraded: ['records come 12 s late'],
    links: [{ name: 'kafka', state: 'down', since: epochMicros(1_700_000_000_000_000), message: 'sasl://u:secret@broker refused' }],
  };
  const { status, json } = await call('GET', '/readyz');
  assert.equal([status, json['degraded'], (json['links'] as object[])[0]], [200, ['records come 12 s late'], { name: 'kafka', state: 'down', since: '2023-11-14T22:13:20.000000Z', message: 'sasl://***@broker refused' }]);
  assert.match((await call('GET', '/readyz?format=text')).text, /^ready\ndegraded: records come 12 s late\nkafka down since 2023-11-14T22:13:20\.000000Z: sasl:\/\/\*\*\*@broker refused\nroot running/);
}));

test('is alive while it answers, whatever the backend does', () => withGateway({}, async ({ backend, call }) => {
  backend.failWith = new Error('broken');
  const answer = await call('GET', '/healthz');
  assert.equal([answer.status, answer.json], [200, { status: 'alive' }]);
}));

test('passes the metrics page on as it is', () => withGateway({}, async ({ call }) => {
  const answer = await call('GET', '/metrics');
  assert.is(answer.headers['content-type'], 'text/plain; version=0.0.4');
  assert.is(answer.text, 'visutility_up 1\n');
}));

test.run();
