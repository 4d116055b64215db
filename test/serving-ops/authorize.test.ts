import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createAuthorizer } from '../../src/serving-ops/authorize.ts';
import { ENDPOINTS } from '../../src/serving-ops/endpoints.ts';
import { scrub } from '../../src/serving-ops/scrub.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { withGateway } from '../support/with-gateway.ts';

const TOKEN = 'abc-DEF_123.~+/==';
const bearer = (token: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${token}` } });

function isLetIn(tokens: readonly string[], header: string | undefined, query?: unknown): boolean {
  try {
    createAuthorizer(tokens).check({ header, query });
    return true;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'UNAUTHORIZED') return false;
    throw error;
  }
}

test('lets everybody in where there are no tokens', () => {
  assert.is(createAuthorizer([]).isNeeded, false);
  assert.ok(isLetIn([], undefined));
  assert.ok(isLetIn([], 'Bearer whatever'));
});

test('lets in who bears one of the tokens, in the header or where the route takes it as a query', () => {
  assert.is(createAuthorizer([TOKEN]).isNeeded, true);
  for (const header of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN} `]) assert.ok(isLetIn(['other-token', TOKEN], header), header);
  assert.ok(isLetIn([TOKEN], undefined, TOKEN));
});

test('refuses everybody else', () => {
  for (const header of [undefined, '', TOKEN, `Basic ${TOKEN}`, 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Bearer ${TOKEN} ${TOKEN}`, `Bearer ${TOKEN}\n`]) {
    assert.not.ok(isLetIn([TOKEN], header), String(header));
  }
  for (const query of ['', 'x', [TOKEN], { TOKEN }, 5]) assert.not.ok(isLetIn([TOKEN], undefined, query));
  assert.not.ok(isLetIn([TOKEN], 'Bearer wrong-token', TOKEN)); // the header is what counts where there is one
});

test('with tokens every endpoint but those of health and metrics is closed', () => withGateway({ tokens: [TOKEN] }, async ({ backend, call }) => {
  backend.addView('dock-1');
  const open = ['/', '/healthz', '/readyz', '/metrics'];
  for (const { method, path } of ENDPOINTS) {
    const answer = await call(method, path.replace(':id', 'dock-1'));
    if (open.includes(path)) { assert.is(answer.status, 200, path); continue; }
    if (method === 'OPTIONS') { assert.equal([answer.status, answer.text], [204, ''], path); continue; } // a preflight bears no credentials (Fetch, CORS-preflight), and tells nothing
    assert.is(answer.status, 401, `${method} ${path}`);
    assert.is(answer.json['code'], path.startsWith('/live') ? undefined : 'UNAUTHORIZED'); // pages ask for the token
    assert.is(answer.headers['www-authenticate'], 'Bearer realm="vto"');
  }
  assert.is((await call('GET', '/api/v1/cameras', bearer(TOKEN))).status, 200);
  assert.is((await call('GET', '/api/v1/cameras', bearer('wrong-token'))).status, 401);
  assert.is((await call('GET', '/subjects')).status, 200);
  assert.is((await call('GET', '/nothing')).status, 404);
}));

test('no spelling of a path gets around the token', () => withGateway({ tokens: [TOKEN] }, async ({ backend, call }) => {
  backend.addView('dock-1');
  for (const path of ['/%61pi/v1/cameras', '/api/v1/camera%73', '/api/v1/cameras?', '/api/v1/cameras/dock-1#', '//api/v1/cameras', '/api//v1/cameras', '/./api/v1/cameras', '/healthz/../api/v1/cameras', '/API/v1/cameras', '/api/v1/cameras/', '/api/v1/cameras;x']) {
    const { status } = await call('GET', path);
    assert.ok(status === 401 || status === 404, `${path}: ${String(status)}`);
  }
  assert.is((await call('HEAD', '/api/v1/cameras')).status, 401);
  assert.is((await call('GET', `/api/v1/cameras?access_token=${encodeURIComponent(TOKEN)}`)).status, 401); // only media routes take it there
}));

test('tokens are settings that no message shows', () => {
  const { serving } = loadConfig({ environment: { VTO__SERVING__TOKENS: 'first-token,second-token' }, cwd: '/' });
  assert.equal(serving.tokens, ['first-token', 'second-token']);
  try {
    loadConfig({ environment: { VTO__SERVING__TOKENS: 'with space' }, cwd: '/' });
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof PlatformError && error.code === 'CONFIG_INVALID');
    assert.match(error.message, 'serving.tokens');
    assert.not.match(error.message, 'with space');
  }
  assert.is(scrub('/live?access_token=secret-thing&x=1'), '/live?access_token=***&x=1');
});

test.run();
