#!/usr/bin/env node
// Entry of the `vto` command. In a clone it runs the TypeScript sources, as an installed package the compiled ones.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, isNodeNewEnough, launch, launchFromClone } from './runtime.mjs';

const here = fileURLToPath(new URL('./', import.meta.url));
const isPackage = /[\\/]node_modules[\\/]/.test(here) || !existsSync(join(here, 'main.ts')); // Node strips no types below node_modules
const isInstalling = process.argv[2] === '--install';
const args = process.argv.slice(isInstalling ? 3 : 2);

if (isPackage) {
  if (!isNodeNewEnough(process.versions.node)) fail(`Node 24.15 or newer is needed, this is ${process.versions.node}; see https://nodejs.org`, 1);
  const target = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
  launch({ node: process.execPath, target, args, installMs: 0 });
} else {
  launchFromClone('src/cli/main.ts', args, isInstalling);
}
