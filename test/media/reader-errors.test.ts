import { AVERROR_EINVAL, AVERROR_INVALIDDATA } from 'node-av/constants';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readerError } from '../../src/media/reader-errors.ts';

// A peer that was cut off by the time limit on a loaded machine came out as MEDIA_INVALID, and the camera was given up for good.
test('a camera that gives invalid data while it is opened is tried again, a file is not', () => {
  for (const code of [AVERROR_INVALIDDATA, AVERROR_EINVAL]) {
    assert.is(readerError(code, 'rtsp://10.0.0.12/stream1', 'open').fate, 'retry');
    assert.is(readerError(code, 'RTSPS://10.0.0.12/stream1', 'open').code, 'SOURCE_UNREACHABLE');
    assert.is(readerError(code, './clip.mp4', 'open').code, 'MEDIA_INVALID');
    assert.is(readerError(code, 'https://example.org/clip.mp4', 'open').code, 'MEDIA_INVALID');
  }
});

test.run();
