import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateOnnx, ONNX_GENERATED } from '../../schemas/generate-onnx.ts';

const committed = fileURLToPath(new URL(`../../${ONNX_GENERATED}`, import.meta.url));

test('the committed ONNX code equals a fresh generation from schemas/proto/onnx.proto', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  try {
    generateOnnx(folder);
    const names = readdirSync(folder).sort();
    assert.equal(readdirSync(committed).sort(), names);
    for (const name of names) assert.is(readFileSync(join(committed, name), 'utf8'), readFileSync(join(folder, name), 'utf8'), name);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the schema carries its licence', () => {
  const schema = readFileSync(fileURLToPath(new URL('../../schemas/proto/onnx.proto', import.meta.url)), 'utf8');
  assert.match(schema, 'SPDX-License-Identifier: Apache-2.0');
});

test.run();
