import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { authorization, bestChallenge, type Challenge } from '../../../src/ingress/replay/digest.ts';

const field = (header: string, name: string): string | undefined => new RegExp(`\\b${name}="?([^",]*)"?`).exec(header)?.[1];

test('answers the challenges of RFC 7616, section 3.9.1', () => {
  const common = 'Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const asked = { method: 'GET', uri: '/dir/index.html', count: 1, clientNonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' };
  const login = { user: 'Mufasa', password: 'Circle of Life' };
  const answered = (header: string): string => authorization(bestChallenge([header])!, login, asked);
  assert.is(field(answered(`${common}, algorithm=MD5`), 'response'), '8ca523f5e9506fed4657c9700eebdbec');
  assert.is(field(answered(`${common}, algorithm=SHA-256`), 'response'), '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1');
  assert.is(field(answered(`${common}, algorithm=SHA-256`), 'nc'), '00000001');
});

test('answers a challenge without qop as RFC 2617, section 3.2.2.1 says', () => {
  const header = authorization(bestChallenge(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])!, { user: 'Mufasa', password: 'Circle Of Life' }, { method: 'GET', uri: '/dir/index.html', count: 3, clientNonce: 'x' });
  assert.is(field(header, 'response'), '670fd8c2df070c60b045671b8b24ff02'); // md5(md5(A1):nonce:md5(A2)), as curl --digest computes it
  assert.is(field(header, 'nc'), undefined);
});

test('takes the strongest of several challenges, wherever they stand, and leaves out what it cannot meet', () => {
  const kind = (...headers: string[]): string | undefined => {
    const challenge = bestChallenge(headers);
    return challenge?.scheme === 'digest' ? challenge.algorithm : challenge?.scheme;
  };
  assert.is(kind('Basic realm="a"', 'Digest realm="a", nonce="n"'), 'MD5');
  assert.is(kind('Digest realm="a", nonce="n", algorithm=MD5, Digest realm="a", nonce="m", algorithm=SHA-256, Basic realm="a"'), 'SHA-256');
  assert.is(kind('Digest realm="a", nonce="n", algorithm=SHA-512-256', 'Basic realm="a, Digest nonce=x"'), 'basic');
  assert.is(kind('Digest realm="a", nonce="n", qop="auth-int"'), undefined);
  assert.is(kind('Digest realm="a"'), undefined);
  assert.is(kind('Negotiate abc'), undefined);
  assert.is(kind(), undefined);
});

test('credentials of any characters leave as one header line', () => {
  const challenge: Challenge = { scheme: 'digest', realm: 'a"b\r\nX: y', nonce: 'n', opaque: undefined, algorithm: 'MD5', isSession: false, hasQop: false, isStale: false };
  const header = authorization(challenge, { user: 'us"er\\', password: 'pass' }, { method: 'PLAY', uri: 'rtsp://h/1', count: 1, clientNonce: 'c' });
  assert.not.match(header, /[\r\n]/);
  assert.match(header, /username="us\\"er\\\\"/);
});

test.run();
