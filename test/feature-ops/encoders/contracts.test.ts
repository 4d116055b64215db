import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENCODERS } from '../../../src/feature-ops/encoders/index.ts';
import { FeatureFactory } from '../../../src/feature-ops/feature-factory.ts';
import { MODALITIES } from '../../../src/feature-ops/modalities/index.ts';
import { encoderContract } from '../../contracts/encoder-contract.ts';
import { writeEmbeddingModel } from '../../support/embedding-model.ts';
import { FORMS } from '../../support/rasters.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();

for (const plugin of ENCODERS) {
  for (const modality of MODALITIES.filter(({ name }) => plugin.modalities.includes(name))) {
    for (const { name: form } of modality.forms) {
      encoderContract({
        name: plugin.name, form, version: plugin.name === 'onnx' ? /^[0-9a-f]{12}$/ : /^\d+$/,
        open: () => {
          const options = plugin.name === 'onnx' ? { file: writeEmbeddingModel(folder, { channels: modality.name === 'rgb' ? 3 : 1 }) } : {};
          return FeatureFactory.create().withModality(modality.name).withEncoding(plugin.name, options).instantiate();
        },
      });
    }
  }
}

test('every form of samples of every modality is judged', () => {
  assert.equal(MODALITIES.flatMap(({ forms }) => forms.map(({ name }) => name)).sort(), Object.keys(FORMS).sort());
});

for (const plugin of ENCODERS) {
  test(`'${plugin.name}' describes each option, with a default unless it must be named, and its examples are valid`, async () => {
    for (const [name, option] of Object.entries(plugin.options.shape)) {
      assert.ok((option as { description?: string }).description, `${plugin.name}.${name}`);
    }
    assert.ok(plugin.examples.length > 0);
    for (const example of plugin.examples) {
      const known = plugin.options.safeParse(example);
      assert.ok(known.success, `${plugin.name} ${JSON.stringify(example)}`);
      if (plugin.name !== 'onnx') await plugin.plan(example, plugin.modalities[0]!);
    }
  });
}

test.run();
