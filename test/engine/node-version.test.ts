import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformError } from '../../src/engine/errors.ts';
import { NODE_MIN, requireNode } from '../../src/engine/node-version.ts';

test('refuses a Node that is too old by name, and takes this one', () => {
  for (const version of ['20.20.2', '22.99.0', '24.14.9']) {
    assert.throws(() => requireNode(version), (error: PlatformError) => error.code === 'NODE_TOO_OLD' && error.message === `Node 24.15 or newer is needed, this is ${version}`);
  }
  for (const version of ['24.15.0', '25.0.0', process.versions.node]) requireNode(version);
});

test('the launcher asks for the same version', () => {
  const launcher = readFileSync(new URL('../../src/cli/runtime.mjs', import.meta.url), 'utf8');
  assert.match(launcher, `const NODE_MIN = [${NODE_MIN.join(', ')}];`);
});

test.run();
