import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import type { ServingBackend } from '../../src/serving-ops/service.ts';
import { withGateway, type Rig } from '../support/with-gateway.ts';

const SESSION = '01234567-89ab-cdef-0123-456789abcdef';
const OFFER = { headers: { 'content-type': 'application/sdp' }, body: 'v=0\r\n' };
const FRAGMENT = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '"one"' };

/** Publishing as a test wants it to go. */
function whip(fields: Partial<ServingBackend['whip']> = {}): ServingBackend['whip'] {
  return {
    publish: async () => ({ session: SESSION, answer: 'v=0\r\nanswer', entityTag: '"one"' }),
    trickle: async () => ({ entityTag: '"one"', fragment: undefined }),
    end: async () => {},
    ...fields,
  };
}

const withPhone = (options: Parameters<typeof withGateway>[0], check: (rig: Rig) => Promise<void>): Promise<void> => withGateway(options, async (rig) => {
  rig.backend.addView('phone');
  rig.backend.whip = whip();
  await check(rig);
});

const failing = (code: 'PUBLISHER_EXISTS' | 'SDP_INVALID' | 'OFFER_REFUSED' | 'PUBLISHING_REFUSED' | 'PUBLISHING_UNKNOWN' | 'ENTITY_TAG_STALE') => async (): Promise<never> => { throw new PlatformError(code, 'as the test wants it'); };

test('an offer is answered with 201, the answer, its session and its entity tag', () => withPhone({ whip: { allowOrigins: [], iceServers: [{ urls: 'stun:stun.example' }, { urls: 'turn:turn.example', username: 'u"1', credential: 'c' }] } }, async ({ call, backend }) => {
  let seen = '';
  backend.whip = whip({ publish: async (_camera, { offer }) => { seen = offer; return { session: SESSION, answer: 'v=0\r\nanswer', entityTag: '"one"' }; } });
  const { status, headers, text } = await call('POST', '/whip/phone', OFFER);
  assert.is(status, 201);
  assert.is(text, 'v=0\r\nanswer');
  assert.is(seen, OFFER.body);
  assert.match(headers['content-type'] ?? '', /^application\/sdp/);
  assert.is(headers['location'], `/whip/phone/${SESSION}`);
  assert.is(headers['etag'], '"one"');
  assert.is(headers['link'], '<stun:stun.example>; rel="ice-server", <turn:turn.example>; rel="ice-server"; username="u\\"1"; credential="c"; credential-type="password"');
}));

test('what cannot be published is refused with problem details and the status of its reason', () => withPhone({}, async ({ call, backend }) => {
  const statusOf = async (options: Parameters<typeof call>[2], path = '/whip/phone', method = 'POST'): Promise<string> => {
    const { status, json } = await call(method, path, options);
    return `${status} ${String(json['code'])}`;
  };
  assert.is(await statusOf(OFFER, '/whip/nobody'), '404 CAMERA_UNKNOWN');
  assert.is(await statusOf({ headers: { 'content-type': 'text/plain' }, body: 'v=0' }), '415 MEDIA_TYPE_REFUSED');
  assert.is(await statusOf({ body: { offer: 'v=0' } }), '415 MEDIA_TYPE_REFUSED');
  assert.is(await statusOf({}), '415 MEDIA_TYPE_REFUSED');
  assert.is(await statusOf({ headers: FRAGMENT, body: 'a=' }), '415 MEDIA_TYPE_REFUSED');
  assert.is(await statusOf({ ...OFFER, headers: { ...OFFER.headers, accept: 'application/json, application/sdp;q=0' } }), '406 NOT_ACCEPTABLE');
  assert.is(await statusOf({ ...OFFER, headers: { ...OFFER.headers, accept: 'text/html, application/*;q=0.5' } }), '201 undefined');
  assert.is(await statusOf({ ...OFFER, body: `v=0${'x'.repeat(70_000)}` }), '413 REQUEST_TOO_LARGE');
  assert.is(await statusOf(OFFER, '/whip/phone?x=1'), '400 REQUEST_INVALID');
  for (const [code, status] of [['PUBLISHER_EXISTS', 409], ['PUBLISHING_REFUSED', 409], ['SDP_INVALID', 400], ['OFFER_REFUSED', 422]] as const) {
    backend.whip = whip({ publish: failing(code) });
    assert.is(await statusOf(OFFER), `${status} ${code}`);
  }
  for (const method of ['GET', 'HEAD', 'PUT']) assert.is((await call(method, '/whip/phone')).status, 405);
  assert.is((await call('GET', '/whip/phone')).headers['allow'], 'POST, OPTIONS');
}));

test('candidates are taken with 204, new credentials answered with 200 and ours, and the entity tag is required', () => withPhone({}, async ({ call, backend }) => {
  const path = `/whip/phone/${SESSION}`;
  assert.is((await call('PATCH', path, { headers: FRAGMENT, body: 'a=' })).status, 204);
  backend.whip = whip({ trickle: async (_camera, { expectedTag, fragment }) => ({ entityTag: '"two"', fragment: `${expectedTag} ${fragment}` }) });
  const restarted = await call('PATCH', path, { headers: FRAGMENT, body: 'a=ice' });
  assert.equal([restarted.status, restarted.headers['etag'], restarted.text], [200, '"two"', '"one" a=ice']);
  assert.match(restarted.headers['content-type'] ?? '', /^application\/trickle-ice-sdpfrag/);
  const missing = await call('PATCH', path, { headers: { 'content-type': FRAGMENT['content-type'] }, body: 'a=' });
  assert.equal([missing.status, missing.json['code']], [428, 'ENTITY_TAG_MISSING']);
  assert.is((await call('PATCH', path, { headers: { 'if-match': '*', 'content-type': 'application/sdp' }, body: 'v=0' })).status, 415);
  backend.whip = whip({ trickle: failing('ENTITY_TAG_STALE') });
  assert.is((await call('PATCH', path, { headers: FRAGMENT, body: 'a=' })).status, 412);
  backend.whip = whip({ trickle: failing('PUBLISHING_UNKNOWN') });
  assert.is((await call('PATCH', path, { headers: FRAGMENT, body: 'a=' })).status, 404);
  assert.is((await call('PATCH', '/whip/phone/none', { headers: FRAGMENT, body: 'a=' })).status, 400);
}));

test('DELETE ends a session, once', () => withPhone({}, async ({ call, backend }) => {
  const ended: string[] = [];
  backend.whip = whip({ end: async (_camera, { session }) => { ended.push(session); } });
  assert.is((await call('DELETE', `/whip/phone/${SESSION}`)).status, 200);
  assert.equal(ended, [SESSION]);
  backend.whip = whip({ end: failing('PUBLISHING_UNKNOWN') });
  assert.is((await call('DELETE', `/whip/phone/${SESSION}`)).status, 404);
}));

test('pages of other origins may publish where the settings say so, and call nothing else', () => withPhone({ whip: { allowOrigins: ['https://studio.example'], iceServers: [] } }, async ({ call }) => {
  const from = (origin: string): Record<string, string> => ({ origin, 'sec-fetch-site': 'cross-site' });
  const asked = await call('OPTIONS', '/whip/phone', { headers: { ...from('https://studio.example'), 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
  assert.is(asked.status, 204);
  assert.is(asked.headers['access-control-allow-origin'], 'https://studio.example');
  assert.match(asked.headers['access-control-allow-headers'] ?? '', 'Authorization');
  assert.is(asked.headers['accept-post'], 'application/sdp');
  const granted = await call('POST', '/whip/phone', { ...OFFER, headers: { ...OFFER.headers, ...from('https://studio.example') } });
  assert.is(granted.status, 201);
  assert.match(granted.headers['access-control-expose-headers'] ?? '', 'Location');
  assert.is(granted.headers['vary'], 'Origin');
  assert.is((await call('OPTIONS', '/whip/phone', { headers: from('https://other.example') })).status, 403);
  assert.is((await call('POST', '/whip/phone', { ...OFFER, headers: { ...OFFER.headers, ...from('https://other.example') } })).status, 403);
  assert.is((await call('GET', '/api/v1/cameras', { headers: from('https://studio.example') })).status, 403);
}));

test('without a word in the settings no other origin may publish', () => withPhone({}, async ({ call }) => {
  assert.is((await call('POST', '/whip/phone', { ...OFFER, headers: { ...OFFER.headers, origin: 'https://studio.example' } })).status, 403);
}));

test('where tokens are needed publishing needs one, and a preflight none', () => withPhone({ tokens: ['correct-horse'], whip: { allowOrigins: ['*'], iceServers: [] } }, async ({ call }) => {
  const refused = await call('POST', '/whip/phone', OFFER);
  assert.equal([refused.status, refused.headers['www-authenticate']], [401, 'Bearer realm="vto"']);
  assert.is((await call('DELETE', `/whip/phone/${SESSION}`)).status, 401);
  assert.is((await call('OPTIONS', '/whip/phone', { headers: { origin: 'https://a.example' } })).status, 204);
  assert.is((await call('POST', '/whip/phone', { ...OFFER, headers: { ...OFFER.headers, authorization: 'Bearer correct-horse', origin: 'https://a.example' } })).status, 201);
}));

test.run();
