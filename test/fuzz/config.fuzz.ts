import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { COMMANDS } from '../../src/cli/flags.ts';
import { variableName } from '../../src/utility-ops/config/environment.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { configJsonSchema } from '../../src/utility-ops/config/schema.ts';
import { forEachCase, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TEXTS = ['', ' ', '0', '-1', '1e999', 'NaN', 'true', 'rtsp://u:p@h/1', '../x', '[1,2]', '[{"id":"a"}]', '{"a":1}', '20GB', '__proto__', 'constructor', '\u0000', '=', '--', 'a=b', '-'.repeat(100)];

function text(random: FuzzRandom): string {
  return random.next() < 0.7 ? random.pick(TEXTS) : Buffer.from(random.bytes(random.integer(20))).toString('latin1');
}

/** Either accepted or refused by name: never anything else. */
function refusedByName(attempt: () => unknown): void {
  try {
    attempt();
  } catch (error) {
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'CONFIG_INVALID');
  }
}

test('no command line does anything but parse or be refused by name', () => forEachCase('arguments', (random) => {
  const words = [...Object.keys(COMMANDS), ...Object.values(COMMANDS).flatMap(({ flags }) => Object.keys(flags).map((flag) => `--${flag}`)), ...TEXTS];
  refusedByName(() => parseArguments(Array.from({ length: random.integer(8) }, (_, index) => (index === 0 && random.next() < 0.8 ? random.pick(Object.keys(COMMANDS)) : random.next() < 0.9 ? random.pick(words) : text(random))), '/home'));
}));

test('no environment does anything but load or be refused by name', () => forEachCase('environment', (random) => {
  const names = Object.entries(configJsonSchema().properties ?? {}).flatMap(([key, node]) => [variableName([key]), ...Object.keys(node.properties ?? {}).map((child) => variableName([key, child]))]);
  const environment = Object.fromEntries(Array.from({ length: 1 + random.integer(4) }, () => [random.next() < 0.9 ? random.pick(names) : `VTO__${text(random)}`, text(random)]));
  refusedByName(() => loadConfig({ environment, cwd: '/home' }));
}));

const DEFAULTS = readFileSync(new URL('../../config/default.toml', import.meta.url));
const CAMERA = '\n[[cameras]]\nid = "dock-2"\nuri = "rtsp://u:p@h/1"\nmaxFps = 5\n';

test('no settings file does anything but load or be refused by name', () => {
  const file = join(temporaryFolder(), 'vto.toml');
  return forEachCase('settings file', (random) => {
    const original = Buffer.concat([DEFAULTS.subarray(0, random.integer(DEFAULTS.length)), Buffer.from(random.next() < 0.5 ? CAMERA : '')]);
    writeFileSync(file, damaged(random.next() < 0.1 ? random.bytes(1 + random.integer(200)) : original, random));
    refusedByName(() => loadConfig({ files: [file], environment: {}, cwd: '/home' }));
  });
});

test.run();
