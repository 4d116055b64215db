import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseByteSize } from '../../../src/utility-ops/config/byte-size.ts';

test('decimal and binary units differ and a bare number is bytes', () => {
  assert.equal(['4096', '1 kB', '20GB', '1.5GiB', '2 TiB', '7B'].map(parseByteSize), [4096, 1000, 20e9, 1.5 * 2 ** 30, 2 * 2 ** 40, 7]);
});

test('anything else is not a size', () => {
  for (const text of ['', 'GB', '-1GB', '1 gb', '1e3', '1GBs', '1  GB']) assert.ok(Number.isNaN(parseByteSize(text)), text);
});

test.run();
