import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { isoTime } from '../../src/serving-ops/iso-time.ts';

test('keeps the microseconds', () => {
  assert.is(isoTime(epochMicros(0)), '1970-01-01T00:00:00.000000Z');
  assert.is(isoTime(epochMicros(1_700_000_000_123_456)), '2023-11-14T22:13:20.123456Z');
  assert.is(isoTime(epochMicros(-1)), '1969-12-31T23:59:59.999999Z');
});

test.run();
