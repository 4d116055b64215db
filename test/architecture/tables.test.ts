import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../src/cli/flags.ts';
import { ERRORS } from '../../src/engine/errors.ts';
import { DROP_REASONS } from '../../src/messages/terminal-record.ts';
import { configJsonSchema } from '../../src/utility-ops/config/schema.ts';
import { METRICS } from '../../src/utility-ops/telemetry/metrics.ts';
import { ROOT, sourceFiles } from '../support/source-files.ts';

const files = sourceFiles('src', 'actors');

/** The names that no file but the table's own mentions in this form. */
function unused(names: readonly string[], table: string, form: (name: string) => RegExp): string[] {
  const others = files.filter(({ path }) => path !== table);
  return names.filter((name) => !others.some(({ text }) => form(name).test(text)));
}

const quoted = (name: string): RegExp => new RegExp(`['"]${name}['"]`);

test('every error of the table is raised somewhere', () => {
  assert.equal(unused(Object.keys(ERRORS), 'src/engine/errors.ts', quoted), []);
});

test('every metric of the table is recorded somewhere', () => {
  assert.equal(unused(Object.keys(METRICS), 'src/utility-ops/telemetry/metrics.ts', quoted), []);
});

test('every drop reason of the table is given somewhere', () => {
  assert.equal(unused(Object.keys(DROP_REASONS), 'src/messages/terminal-record.ts', quoted), []);
});

test('every setting is read somewhere', () => {
  const keys = Object.entries(configJsonSchema().properties ?? {}).flatMap(([key, node]) => Object.keys(node.properties ?? node.items?.properties ?? { [key]: node }));
  assert.equal(unused(keys, 'src/utility-ops/config/schema.ts', (key) => new RegExp(`\\b${key}\\b`)), []);
});

test('every flag is read somewhere', () => {
  const flags = Object.values(COMMANDS).flatMap(({ flags: rows }) => Object.keys(rows));
  assert.equal(unused([...new Set(flags)], 'src/cli/flags.ts', quoted), []);
});

// npm sends signals to the script's own process: a shell in between keeps them, and vto would run on after `kill -INT` of npm.
test('every npm script runs a file that exists, without a shell that stays', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  for (const [name, command] of Object.entries(scripts)) {
    const [, launcher = '', target] = /^exec node (src\/cli\/\w+\.mjs) --install (\S+)$/.exec(command) ?? [];
    assert.ok(existsSync(join(ROOT, launcher)), `${name}: ${command}`);
    if (launcher.endsWith('/runtime.mjs')) assert.ok(existsSync(join(ROOT, target ?? '')), `${name}: no file ${target ?? ''}`);
  }
});

test.run();
