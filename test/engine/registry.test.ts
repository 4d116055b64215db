import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import type { PlatformError } from '../../src/engine/errors.ts';
import { definePlugin, Registry } from '../../src/engine/registry.ts';

const gain = definePlugin<number, { base: number }, z.ZodObject<{ gain: z.ZodDefault<z.ZodNumber> }>>({
  type: 'gain', summary: 'Multiplies the base.', options: z.strictObject({ gain: z.number().min(0).default(2) }), examples: [{ gain: 3 }, {}],
  create: (options, deps) => deps.base * options.gain,
});
const fixed = definePlugin({ type: 'fixed', summary: 'Ignores the base.', options: z.strictObject({}), examples: [{}], create: () => 7 });
const registry = new Registry<number, { base: number }>('encoder', [gain, fixed]);

test('creates a plugin from checked options, with defaults', async () => {
  assert.is(await registry.create('gain', { gain: 5 }, { base: 10 }), 50);
  assert.is(await registry.create('gain', undefined, { base: 10 }), 20);
});

test('names the known types when a type is unknown', async () => {
  try {
    await registry.create('clip', {}, { base: 1 });
    assert.unreachable();
  } catch (error) {
    assert.is((error as PlatformError).code, 'PLUGIN_UNKNOWN');
    assert.is((error as PlatformError).message, "unknown encoder 'clip' (known: fixed, gain)");
  }
});

test('refuses invalid and unknown options, naming their path', async () => {
  for (const [options, expected] of [[{ gain: -1 }, 'featurizer.encoder.gain'], [{ gian: 1 }, 'featurizer.encoder']] as const) {
    try {
      await registry.create('gain', options, { base: 1 }, 'featurizer.encoder');
      assert.unreachable();
    } catch (error) {
      assert.is((error as PlatformError).code, 'CONFIG_INVALID');
      assert.is((error as PlatformError).facts['path'], expected);
    }
  }
});

test('refuses two plugins of one type', () => {
  assert.throws(() => new Registry('encoder', [fixed, fixed]), /share a type/);
});

test('lists plugins whose examples satisfy their own schema', () => {
  assert.equal(registry.list().map(each => each.type), ['gain', 'fixed']);
  for (const plugin of registry.list()) for (const example of plugin.examples) assert.ok(plugin.options.safeParse(example).success);
});

test.run();
