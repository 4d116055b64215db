import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scrub, scrubbedJson } from '../../src/serving-ops/scrub.ts';

test('takes user and password out of URLs, however they are spelt', () => {
  for (const text of ['rtsp://root:hunter2@cam/live', 'opening RTSP://hunter2@cam failed', 'rtsp://u:p/hunter2@cam', 'rtsp://u:p@hunter2@cam/', 'rtsp:/u:hunter2@cam', 'rtsp://cam/live?user=a&password=hunter2&x=1', 'rtsp://cam/?token=hunter2']) {
    assert.not.match(scrub(text), 'hunter2', text);
    assert.match(scrub(text).toLowerCase(), 'cam');
  }
  assert.is(scrub('rtsp://root:x@cam/live'), 'rtsp://***@cam/live');
});

test('leaves other text as it is', () => {
  for (const text of ['rtsp://cam/live', 'model motion@1.0.0', 'a=b', 'urn:visutility:error:x', 'chunk gap of 3 frames on camera \'dock-2\'']) assert.is(scrub(text), text);
});

test('scrubs every string of a response', () => {
  assert.equal(JSON.parse(scrubbedJson({ a: [{ b: 'x://u:p@h' }], n: 1, z: null })), { a: [{ b: 'x://***@h' }], n: 1, z: null });
});

test.run();
