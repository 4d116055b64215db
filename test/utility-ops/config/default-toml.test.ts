import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDefaultToml } from '../../../src/utility-ops/config/default-toml.ts';
import { CONFIG_SCHEMA, configJsonSchema, type SchemaNode } from '../../../src/utility-ops/config/schema.ts';

test('config/default.toml is what the schema says', () => {
  assert.is(readFileSync(new URL('../../../config/default.toml', import.meta.url), 'utf8'), renderDefaultToml());
});

test('its values are the defaults, all of them', () => {
  const { cameras, ...defaults } = CONFIG_SCHEMA.parse({});
  const { cameras: written, ...values } = CONFIG_SCHEMA.parse(parse(renderDefaultToml()));
  assert.equal(values, defaults);
  assert.equal(written, cameras);
  const keys = Object.entries(configJsonSchema().properties ?? {}).filter(([, node]) => node.items?.properties === undefined).flatMap(([key, node]) => (node.properties === undefined ? [key] : Object.keys(node.properties).map((child) => `${key}.${child}`)));
  const shown = Object.entries(parse(renderDefaultToml())).flatMap(([key, value]) => (typeof value === 'object' && !Array.isArray(value) ? Object.keys(value as object).map((child) => `${key}.${child}`) : [key]));
  assert.equal(shown.sort(), keys.sort());
});

test('its commented tables are valid when the comment signs are taken away', () => {
  const text = renderDefaultToml();
  const { models, cameras } = CONFIG_SCHEMA.parse(parse(text.slice(text.indexOf('# [[models]]')).replace(/^# (?=\[\[|[a-zA-Z]+ = |# )/gm, '').replace(/^[A-Z].*$/gm, '')));
  assert.equal([models.length, cameras.length], [1, 1]);
});

test('every setting has one sentence that ends like one', () => {
  const walk = (node: SchemaNode, path: string): void => {
    for (const [key, child] of Object.entries({ ...node.properties, ...node.items?.properties })) {
      assert.match(child.description ?? '', /^[A-Z0-9].*[.]$/, `${path}${key}`);
      walk(child, `${path}${key}.`);
    }
  };
  walk(configJsonSchema(), '');
});

test.run();
