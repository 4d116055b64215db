import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateOnnx, ONNX_CODE } from '../../schemas/onnx-code.ts';
import { ROOT } from '../support/source-files.ts';

test('the committed ONNX code equals a fresh generation by the real buf and protoc-gen-es', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  try {
    generateOnnx(folder);
    const names = readdirSync(folder).sort();
    assert.equal(readdirSync(join(ROOT, ONNX_CODE)).sort(), names);
    for (const name of names) assert.is(readFileSync(join(ROOT, ONNX_CODE, name), 'utf8'), readFileSync(join(folder, name), 'utf8'), name);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
