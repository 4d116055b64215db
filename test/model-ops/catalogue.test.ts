import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ModelCatalogue, modelReference } from '../../src/model-ops/catalogue.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import type { ConfigInput } from '../../src/utility-ops/config/schema.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const catalogue = (flags: ConfigInput = {}, data = temporaryFolder()): ModelCatalogue => new ModelCatalogue(loadConfig({ cwd: '/work-folder', flags: { ...flags, data } }));
const isUnknown = (error: { code?: string; message: string }): boolean => error.code === 'MODEL_UNKNOWN';

test('the built-in model is always there, those of the settings and of the folder beside it', async () => {
  const data = temporaryFolder();
  mkdirSync(join(data, 'models'));
  for (const name of ['yolox@2.0.onnx', 'Bad Name@1.onnx', 'no-version.onnx', 'notes.txt']) writeFileSync(join(data, 'models', name), 'x');
  const known = await catalogue({ models: [{ name: 'yolox', version: '1.0', path: 'y.onnx', scoreMin: 0.5 }] }, data).list();
  assert.equal(known.map(({ source, ...entry }) => [modelReference(entry), source, entry.path, entry.scoreMin]), [
    ['motion@2', 'built-in', 'motion', 0.3], ['yolox@1.0', 'settings', '/work-folder/y.onnx', 0.5], ['yolox@2.0', 'folder', join(data, 'models', 'yolox@2.0.onnx'), 0.3],
  ]);
});

test('a model is found by name and version, or by its name where it has one version', async () => {
  const two = catalogue({ models: [{ name: 'yolox', version: '1', path: 'a.onnx' }, { name: 'yolox', version: '2', path: 'b.onnx' }] });
  assert.is((await two.find('yolox@2')).path, '/work-folder/b.onnx');
  assert.is((await two.find('motion')).path, 'motion');
  for (const reference of ['yolox', 'yolox@3', 'motion@1', '']) await two.find(reference).then(() => assert.unreachable(reference), (error: Error) => assert.ok(isUnknown(error) && error.message.includes('yolox@1, yolox@2'), reference));
});

test('the model of the settings has a name too, its own where it is listed', () => {
  assert.is(modelReference(catalogue().configured), 'motion@2');
  assert.is(modelReference(catalogue({ modelOps: { model: '/m/YOLOX tiny.onnx' } }).configured), 'yolox-tiny@configured');
  assert.is(modelReference(catalogue({ modelOps: { model: '/m/y.onnx' }, models: [{ name: 'y', version: '7', path: '/m/y.onnx' }] }).configured), 'y@7');
  assert.is(modelReference(catalogue({ modelOps: { model: '/m/y.onnx', scoreMin: 0.9 }, models: [{ name: 'y', version: '7', path: '/m/y.onnx', scoreMin: 0.2 }] }).configured), 'y@configured');
});

test.run();
