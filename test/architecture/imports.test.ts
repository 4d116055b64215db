import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blank, importsOf, ROOT, sourceFiles, type SourceFile } from '../support/source-files.ts';

/** Imports go to the left only; peers never import each other (DESIGN 8). */
const LAYERS = [['engine'], ['flow', 'messages', 'utility-ops'], ['transports', 'media', 'inference'], ['ingress', 'data-ops', 'feature-ops'], ['model-ops'], ['serving-ops'], ['actors'], ['cli', 'index']] as const;

/** Packages that one folder alone may import. */
const FENCES: Readonly<Record<string, string>> = {
  nact: 'src/engine/', 'node-av': 'src/media/', 'onnxruntime-node': 'src/inference/', fastify: 'src/serving-ops/', 'prom-client': 'src/utility-ops/telemetry/', kafkajs: 'src/transports/', werift: 'src/ingress/webrtc/',
  ws: 'src/serving-ops/', 'node-rtsp-stream': 'actors/preview/mpeg1-encoder.ts',
  onvif: 'src/ingress/',
};

const files = sourceFiles('src', 'actors');

function layerOf(path: string): string {
  const [top, second = ''] = path.split('/');
  return top === 'actors' ? 'actors' : second.replace(/\.ts$/, '');
}

function packageOf(name: string): string {
  return name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/');
}

/** What an import of the file breaks, or undefined. */
function breach(path: string, name: string): string | undefined {
  if (!name.startsWith('.')) {
    const folder = Object.entries(FENCES).find(([fenced]) => packageOf(name) === fenced)?.[1];
    return folder !== undefined && !path.startsWith(folder) ? `${path} imports ${name}, which only ${folder} may` : undefined;
  }
  const target = posix.join(posix.dirname(path), name);
  const [from, to] = [layerOf(path), layerOf(target)];
  const rank = (layer: string): number => LAYERS.findIndex((layers) => (layers as readonly string[]).includes(layer));
  if (target.startsWith('..') || !/^(?:src|actors)\//.test(target)) return `${path} imports ${target}, which is not part of the platform`;
  if (rank(from) < 0 || rank(to) < 0) return `${path} imports ${target}: a folder without a layer`;
  return from === to || rank(to) < rank(from) ? undefined : `${path} imports ${target}: ${from} may not know ${to}`;
}

function breaches(sources: readonly Pick<SourceFile, 'path' | 'imports'>[]): string[] {
  return sources.flatMap(({ path, imports }) => imports.map((name) => breach(path, name)).filter((text) => text !== undefined));
}

test('imports go towards the engine only, peers never import each other, and fenced packages stay in their folder', () => {
  assert.equal(breaches(files), []);
});

test('the rule sees breaches', () => {
  const seen = (path: string, name: string): boolean => breaches([{ path, imports: [name] }]).length > 0;
  assert.ok(seen('src/engine/a.ts', '../messages/b.ts'));
  assert.ok(seen('src/media/a.ts', '../inference/b.ts'));
  assert.ok(seen('src/serving-ops/a.ts', '../../actors/tree.ts'));
  assert.ok(seen('src/cli/a.ts', 'node-av/lib'));
  assert.ok(seen('src/cli/a.ts', '../../test/support/x.ts'));
  assert.not.ok(seen('src/cli/a.ts', '../../actors/tree.ts'));
  assert.not.ok(seen('src/media/deep/a.ts', '../../messages/b.ts'));
});

test('the rule reads every form of import and nothing else', () => {
  const text = [
    "import a, { type B } from './a.ts';", "import type { C } from './c.ts';", "import './d.ts';", "export * from './e.ts';", "export { f } from './f.ts';", "const g = await import('./g.ts');",
    "const x = Buffer.from('./no.ts'); // import './no.ts'", "const y = \"import './no.ts'\"; const z = `import './no.ts'`;",
  ].join('\n');
  assert.equal(importsOf(text, blank(text)), ['./a.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts']);
});

test('the database is opened in one file only', () => {
  assert.ok(files.filter(({ imports }) => imports.includes('node:sqlite')).length <= 1);
});

test('what runs in production imports only packages that are installed there', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const foreign = files.filter(({ path }) => path !== 'src/cli/build.ts').flatMap(({ path, imports }) => imports.filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !Object.hasOwn(dependencies, packageOf(name))).map((name) => `${path}: ${name}`));
  assert.equal(foreign, []);
});

test('every operator of src/flow has a production use', () => {
  const operators = files.filter(({ path, text }) => path.startsWith('src/flow/') && !path.endsWith('/serial-projector.ts') && /^export function/m.test(text));
  const used = new Set(files.filter(({ path }) => !path.startsWith('src/flow/')).flatMap(({ imports }) => imports).map((name) => name.split('/').slice(-2).join('/')));
  assert.equal(operators.map(({ path }) => path.slice('src/'.length)).filter((name) => !used.has(name)), []);
  assert.is(operators.length, 7);
});

test.run();
