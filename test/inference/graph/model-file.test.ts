import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeModel, parseModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { sharedData } from '../../support/shared-data.ts';

const folder = sharedData('models');
const files = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.onnx'));
if (files.length === 0) console.log('SKIP: the shared models are not there');

for (const file of files) {
  test(`${file} is written as it was read, to the byte`, () => {
    const bytes = readFileSync(join(folder!, file));
    const model = parseModel(bytes);
    assert.ok(Buffer.from(serializeModel(model)).equals(bytes));
    const io = describeModel(model);
    assert.ok(io.inputs.length === 1 && io.outputs.length >= 1 && io.opset >= 9, 'and its tensors are told, without its weights');
  });
}

test.run();
