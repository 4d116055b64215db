import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, sourceFiles } from '../support/source-files.ts';

const LINES_MAX = 400;
/** Files that may be longer, each with its reason. */
const LONGER_FILES: Readonly<Record<string, string>> = {};
const BANNED_FILE = /(?:^|[/-])(?:info|manager|utils?|helpers?|common|misc)(?:-\w+)?\.ts$|(?:^|\/)data\.ts$/;
const BANNED_EXPORT = /^(?:data|info|manager|utils?|helpers?|common)$|(?:Manager|Utils?|Helpers?|Info|Common)$/;
const EXPORT = /^export (?:default )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/;

const production = sourceFiles('src', 'actors');
const all = sourceFiles('src', 'actors', 'test', 'bench', 'schemas', 'examples');

/** Names exported without a docstring in front. */
function undocumented(text: string): string[] {
  const lines = text.split('\n');
  const documented = new Set<string>(); // overloads after the first need none
  return lines.flatMap((line, index) => {
    const name = EXPORT.exec(line)?.[1];
    if (name === undefined) return [];
    let above = index - 1;
    while (/^(?:@\w+|\/\/ oxlint-)/.test(lines[above] ?? '')) above--;
    if ((lines[above] ?? '').trimEnd().endsWith('*/')) documented.add(name);
    return documented.has(name) ? [] : [name];
  });
}

function exportsOf(text: string): string[] {
  return text.split('\n').flatMap((line) => EXPORT.exec(line)?.[1] ?? []);
}

test('no file is longer than the gate', () => {
  const long = all.filter(({ path, text }) => text.split('\n').length > LINES_MAX && LONGER_FILES[path] === undefined).map(({ path, text }) => `${path} ${text.split('\n').length}`);
  assert.equal(long, []);
});

test('every file that may be longer still is', () => {
  assert.equal(Object.keys(LONGER_FILES).filter((path) => !all.some((file) => file.path === path && file.text.split('\n').length > LINES_MAX)), []);
});

test('the linter gates the length and parameters of functions', () => {
  const { rules } = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as { rules: Record<string, unknown> };
  assert.equal(rules['max-lines-per-function'], ['error', { max: 60 }]);
  assert.equal(rules['max-params'], ['error', { max: 4 }]);
});

test('every export says what it is', () => {
  assert.equal(production.flatMap(({ path, text }) => undocumented(text).map((name) => `${path} ${name}`)), []);
});

test('the docstring rule sees what lacks one', () => {
  assert.equal(undocumented('/** A. */\nexport const a = 1;\n\nexport function b() {}\n/** C. */\nexport function c(): void;\nexport function c(): void {}\n// no\nexport type D = 1;\nexport { x } from "y";'), ['b', 'D']);
});

test('no name says nothing', () => {
  assert.equal(all.map(({ path }) => path).filter((path) => BANNED_FILE.test(path)), []);
  assert.equal(production.flatMap(({ path, text }) => exportsOf(text).filter((name) => BANNED_EXPORT.test(name)).map((name) => `${path} ${name}`)), []);
});

test('files are named in kebab-case', () => {
  assert.equal(all.map(({ path }) => path).filter((path) => !/^[a-z0-9/.-]+$/.test(path)), []);
});

test('no work is left for later, and nothing points at one machine', () => {
  const marks = new RegExp(['TO', 'DO\\b|FIX', 'ME\\b|X', 'XX\\b|/wo', 'rk/|/ho', 'me/\\w+/'].join('')); // in pieces, or this line would be found
  const allowed = new Set(['test/cli/arguments.test.ts']); // paths of an invented user
  assert.equal(all.flatMap(({ path, text }) => text.split('\n').flatMap((line, index) => (marks.test(line) && !allowed.has(path) ? [`${path}:${index + 1}`] : []))), []);
});

test.run();
