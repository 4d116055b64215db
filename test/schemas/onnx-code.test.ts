import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { committedLock, lockOf } from '../../schemas/onnx-code.ts';

// The generator itself is fetched and run by test/real/onnx-code.real.ts.
test('schema, tools and code are what the lock says: none was changed without the others (npm run generate)', () => {
  assert.equal(lockOf(), committedLock());
});

test('the lock covers code in both languages', () => {
  assert.equal(Object.keys(committedLock().code), ['onnx_pb.d.ts', 'onnx_pb.js']);
});

test('the schema carries its licence', () => {
  const schema = readFileSync(fileURLToPath(new URL('../../schemas/proto/onnx.proto', import.meta.url)), 'utf8');
  assert.match(schema, 'SPDX-License-Identifier: Apache-2.0');
});

test.run();
