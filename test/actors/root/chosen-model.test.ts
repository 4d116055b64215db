import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChosenModel } from '../../../actors/root/chosen-model.ts';
import { ModelCatalogue } from '../../../src/model-ops/catalogue.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const configured = (model: string): ModelCatalogue['configured'] => new ModelCatalogue(loadConfig({ cwd: '/', flags: { modelOps: { model } } })).configured;

test('a choice survives a restart, until the settings name another model than they did', async () => {
  const folder = temporaryFolder();
  assert.is(await new ChosenModel(folder, configured('motion')).read(), undefined);
  await new ChosenModel(folder, configured('motion')).write('yolox@1');
  assert.is(await new ChosenModel(folder, configured('motion')).read(), 'yolox@1');
  assert.is(await new ChosenModel(folder, configured('/m.onnx')).read(), undefined);
});

test('the model of the settings is no choice', async () => {
  const folder = temporaryFolder();
  const chosen = new ChosenModel(folder, configured('motion'));
  await chosen.write('yolox@1');
  await chosen.write('motion@2');
  assert.not.ok(existsSync(join(folder, 'chosen-model.json')));
});

test('a damaged file is no choice', async () => {
  const folder = temporaryFolder();
  for (const text of ['', '{', 'null', '7', '{"model":3}']) {
    writeFileSync(join(folder, 'chosen-model.json'), text);
    assert.is(await new ChosenModel(folder, configured('motion')).read(), undefined, text);
  }
});

test.run();
