import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, PlatformError, type ErrorCode } from '../../src/engine/errors.ts';
import { problemOf } from '../../src/serving-ops/problem.ts';
import { withGateway } from '../support/with-gateway.ts';

test('every error of the table is answered with its status, code and help', () => withGateway({}, async ({ backend, call }) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    backend.failWith = new PlatformError(code, `it happened to rtsp://root:hunter2@cam/live?password=tr0ub4dor`, { field: 'x', camera: 'rtsp://root:hunter2@cam' });
    const answer = await call('GET', '/api/v1/cameras');
    assert.is(answer.status, ERRORS[code].http, code);
    assert.is(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
    assert.is(answer.json['status'], answer.status);
    assert.is(answer.json['code'], code);
    assert.is(answer.json['help'], ERRORS[code].help);
    assert.is(answer.json['field'], 'x');
    assert.is(answer.headers['retry-after'] !== undefined, answer.status === 429 || answer.status === 503, code);
    assert.not.match(answer.text, /hunter2|tr0ub4dor/);
  }
}));

test('facts cannot replace the members of the standard', () => {
  const problem = problemOf(new PlatformError('CAMERA_UNKNOWN', 'gone', { status: 200, code: 'FINE', type: 'x' }));
  assert.equal([problem.status, problem.code, problem.type], [404, 'CAMERA_UNKNOWN', 'urn:visutility:error:camera-unknown']);
});

test.run();
