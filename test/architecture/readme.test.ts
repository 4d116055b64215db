import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.ts';
import { ERRORS } from '../../src/engine/errors.ts';
import { DROP_REASONS } from '../../src/messages/terminal-record.ts';
import { ENDPOINTS } from '../../src/serving-ops/endpoints.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { ROOT } from '../support/source-files.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const commands = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, language]) => language === '').flatMap(([, , block = '']) => block.replaceAll('\\\n', ' ').split('\n')).map((line) => line.replace(/^\$ /, ''));

/** Words of a POSIX shell line up to the first pipe, redirection, `&&` or comment. */
function words(line: string): readonly string[] {
  const command = /^(?:'[^']*'|[^'|>&#])*/.exec(line)?.[0] ?? '';
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

test('every vto command of the README is one that vto takes', () => {
  const lines = commands.map(words).flatMap((line) => {
    const start = line.findIndex((word, index) => word === 'npm' && line[index + 1] === 'start');
    if (start >= 0) return [['start', ...line.slice(start + 3)]];
    return line[0] === 'npx' && line[1] === 'vto' ? [line.slice(2)] : [];
  });
  assert.ok(lines.length >= 10, `${lines.length} commands found`);
  for (const line of lines) {
    try {
      parseArguments(line, ROOT);
    } catch (error) {
      assert.unreachable(`vto ${line.join(' ')}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
});

test('every npm script of the README exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? '');
  assert.ok(named.length > 0);
  assert.equal(named.filter((name) => !Object.hasOwn(scripts, name)), []);
});

test('every setting of the environment that the README names is one', () => {
  const pairs = [...readme.matchAll(/\b(VTO__\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const);
  assert.ok(pairs.length > 0);
  loadConfig({ environment: Object.fromEntries(pairs), cwd: ROOT });
});

test('the table of drop reasons is the one in code', () => {
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` \| (yes|no) \|/gm)].map(([, reason, isIntended]) => [reason, isIntended === 'yes']);
  assert.equal(rows, Object.entries(DROP_REASONS).map(([reason, { isIntentional }]) => [reason, isIntentional]));
});

test('the table of errors is the one in code', () => {
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z_]+` \|/.test(line));
  assert.equal(rows, Object.entries(ERRORS).map(([code, { http, fate, help }]) => `| \`${code}\` | ${http} | ${fate} | ${help.replaceAll('|', '\\|')} |`));
});

test('every path of the API that the README names is served, and every one served is named', () => {
  const named = new Set([...readme.matchAll(/(?:`(?:[A-Z]+ )?|:8080)(\/(?:api\/v1\/)?[a-z]+)(?=[`?/' ])/g)].map(([, path = '']) => path.replace(/^\/(?=records|events|chunks|ledger)/, '/api/v1/')));
  const served = new Set(ENDPOINTS.map(({ path }) => path.replace(/\/(?::id|active).*/, '')).filter((path) => path !== '/'));
  assert.equal([...served].filter((path) => !named.has(path)), []);
  assert.equal([...named].filter((path) => path.startsWith('/api/') && !served.has(path)), []);
});

test('links and files lead somewhere', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path);
  assert.ok(links.length > 0);
  assert.equal(links.filter((path) => !existsSync(join(ROOT, path))), []);
});

test.run();
