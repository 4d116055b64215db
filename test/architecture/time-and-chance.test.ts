import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blank, sourceFiles, type SourceFile } from '../support/source-files.ts';

const FENCED = /\bDate\.now\b|\bperformance\.(?:now|timeOrigin)\b|\bnew Date\(\s*\)|\bsetTimeout\b|\bsetInterval\b|\bMath\.random\b|['"]node:timers/g;

function breaches(files: readonly Pick<SourceFile, 'path' | 'code'>[]): string[] {
  return files.filter(({ path }) => !path.startsWith('src/engine/')).flatMap(({ path, code }) => code.split('\n').flatMap((line, index) => [...line.matchAll(FENCED)].map(([what]) => `${path}:${index + 1} ${what}`)));
}

test('wall time, timers and chance come from the engine only, so that tests can jump and replay', () => {
  assert.equal(breaches(sourceFiles('src', 'actors')), []);
});

test('the rule sees code and not comments, strings or patterns', () => {
  const seen = (code: string): number => breaches([{ path: 'src/cli/x.ts', code: blank(code) }]).length;
  assert.is(seen('const a = Date.now();'), 1);
  assert.is(seen('const a = `${Math.random()} setTimeout`; setTimeout(b, 1);'), 2);
  assert.is(seen('const quote = /[\'"`/]/g.test(a) ? Date.now() : \'//\';'), 1);
  assert.is(seen('// Date.now()\n/* setTimeout */ const a = "Math.random"; const b = /setInterval/; new Date(time);'), 0);
  assert.is(seen('const a = `outer ${b ? `inner ${Date.now()}` : {}} setTimeout`;'), 1);
});

test.run();
