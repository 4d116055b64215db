import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mediaCapabilities } from '../../src/media/capabilities.ts';

test('names version, licence in effect and a decoder for each codec that is recorded', () => {
  const capabilities = mediaCapabilities();
  assert.match(capabilities.version, /^\d+\.\d+/);
  assert.is(capabilities.licence.startsWith('GPL'), capabilities.configuration.includes('--enable-gpl'));
  assert.equal(Object.keys(capabilities.decoders).toSorted(), ['av1', 'h264', 'hevc', 'mjpeg', 'mpeg4', 'png', 'tiff', 'vp8', 'vp9']);
  assert.ok(Object.values(capabilities.decoders).every((name) => name !== undefined));
  assert.ok(capabilities.hardware.every((name) => name.length > 0));
});

test.run();
