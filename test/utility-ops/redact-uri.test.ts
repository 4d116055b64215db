import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { encodeLogin, redactUri, uriLabel } from '../../src/utility-ops/redact-uri.ts';

test('login is taken out, the rest stays', () => {
  assert.is(redactUri('cannot open rtsp://admin:s3cret@10.0.0.7:554/h264?channel=1: timed out'), 'cannot open rtsp://10.0.0.7:554/h264?channel=1: timed out');
  assert.is(redactUri('rtsp://admin@cam/1 and http://u:p@b/2'), 'rtsp://cam/1 and http://b/2');
});

test('passwords with separators, pasted without escaping, are taken out whole', () => {
  assert.is(redactUri('rtsp://admin:p@ss:w/rd@cam.local/live'), 'rtsp://cam.local/live');
  assert.is(redactUri('rtsp://admin:what?@cam.local/live'), 'rtsp://cam.local/live');
  assert.is(redactUri('rtsp://admin:a#b@cam.local/live'), 'rtsp://cam.local/live');
  assert.is(redactUri('rtsp://admin:p@ss:w/rd?#@cam.local/live'), 'rtsp://cam.local/live');
  assert.is(redactUri('rtsp://admin:p@ss?word@cam.local/live'), 'rtsp://cam.local/live');
  assert.is(redactUri('rtsp://admin:pass@cam.local:554/live?mail=a@b.c'), 'rtsp://cam.local:554/live?mail=a@b.c');
});

test('values of secret query keys are masked, others stay', () => {
  assert.is(redactUri('http://cam/s?user=a&access_token=abc&size=1'), 'http://cam/s?user=a&access_token=***&size=1');
  assert.is(redactUri('http://cam/s?pass%77ord=abc'), 'http://cam/s?pass%77ord=***');
  assert.is(redactUri('rtsp://cam/live?auth=YWJj==&x=2#token=q'), 'rtsp://cam/live?auth=***&x=2#token=***');
});

test('an @ in a path or query of a uri without login is left alone', () => {
  assert.is(redactUri('http://cam/?mail=a@b.c'), 'http://cam/?mail=a@b.c');
  assert.is(redactUri('nothing@here, a plain /path'), 'nothing@here, a plain /path');
});

test('a label is a uri without secrets, a path stays a path', () => {
  assert.is(uriLabel(' rtsp://a:b@c/d '), 'rtsp://c/d');
  assert.is(uriLabel('/videos/a b.mp4'), '/videos/a b.mp4');
});

test('whatever the login, neither user nor password survive in any text', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  const alphabet = 'abcXYZ019-._~!$&()*+,;=:@/%[]{}^\\';
  const word = (length: number): string => Array.from({ length }, () => alphabet[Math.floor(random.next() * alphabet.length)]).join('');
  for (let round = 0; round < 3000; round++) {
    const user = `USER${word(5)}RESU`;
    const password = `PASS${word(1 + Math.floor(random.next() * 12))}SSAP`;
    const host = `host${round}`;
    const scheme = ['rtsp', 'rtsps', 'http', 'https', 'srt'][round % 5];
    const text = redactUri(`before ${scheme}://${user}:${password}@${host}:554/stream?id=7 after`);
    assert.is(text, `before ${scheme}://${host}:554/stream?id=7 after`, `seed ${seed}, round ${round}: ${user}:${password}`);
    assert.is(redactUri(text), text, `seed ${seed}: twice is once`);
  }
});

test('a login pasted unescaped is escaped, one escaped already is left alone', () => {
  assert.is(encodeLogin('rtsp://admin:p@ss:w/rd?#100%@cam:554/live?x=1'), 'rtsp://admin:p%40ss%3Aw%2Frd%3F%23100%25@cam:554/live?x=1');
  for (const uri of ['rtsp://admin:pa%40ss@cam/1', 'rtsp://cam/live?mail=a@b', 'rtsp://[::1]:554/1', 'rtsp://user@cam', '/a:b@c']) assert.is(encodeLogin(uri), uri);
});

test('any text at all is survived, and quickly', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: 40 }, () => ':/?#@&=%a '[Math.floor(random.next() * 10)]).join('');
    assert.type(redactUri(text), 'string', `seed ${seed}`);
  }
  assert.is(redactUri(`a://${'@'.repeat(200_000)}`), 'a://');
});

test.run();
