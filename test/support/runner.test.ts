import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judge, runFiles, type RunCounts } from './runner.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function run(name: string, options: { areSkipsFailures?: boolean } = {}): Promise<RunCounts & { output: string }> {
  const lines: string[] = [];
  const counts = await runFiles({
    root, pattern: `test/fixtures/runner/${name}.case.ts`, jobs: 2, fileTimeoutMs: 10_000, strayGraceMs: 300, print: (line) => lines.push(line), ...options,
  });
  return { ...counts, output: lines.join('\n') };
}

for (const [name, passed, why] of [
  ['fails', 1, '1 failed'],
  ['forgets-to-run', 0, 'printed no summary'],
  ['has-no-test', 0, 'ran no test'],
  ['rejects-late', 1, 'exit 1'],
  ['leaves-a-process', 1, 'left processes running'],
  ['no-such-file', 0, 'no file matches'],
] as const) {
  test(`fails a file that ${name.replaceAll('-', ' ')}`, async () => {
    const { output, ...counts } = await run(name);
    assert.equal(counts, { passed, failed: 1, skipped: 0 }, output);
    assert.match(output, why);
  });
}

test('kills and fails a file that takes longer than its limit', async () => {
  const lines: string[] = [];
  const counts = await runFiles({ root, pattern: 'test/fixtures/runner/hangs.case.ts', fileTimeoutMs: 1000, print: (line) => lines.push(line) });
  assert.equal(counts, { passed: 0, failed: 1, skipped: 0 });
  assert.match(lines.join('\n'), 'took longer than 1000 ms');
});

test('ends a file whose failed test left something open soon after its last test, not at its limit', async () => {
  const lines: string[] = [];
  const counts = await runFiles({ root, pattern: 'test/fixtures/runner/lingers.case.ts', fileTimeoutMs: 60_000, endGraceMs: 300, print: (line) => lines.push(line) });
  assert.equal(counts, { passed: 0, failed: 1, skipped: 0 });
  assert.match(lines.join('\n'), 'did not end within 300 ms of its last test');
  assert.match(lines.join('\n'), 'the rest is not run');
});

test('runs the files of a folder that is to be alone after all others', async () => {
  const lines: string[] = [];
  await runFiles({ root, pattern: 'test/fixtures/runner/{passes,skips,fails}.case.ts', jobs: 3, alone: 'test/fixtures/runner/fails', print: (line) => lines.push(line) });
  const order = lines.flatMap((line) => /^(?:ok  |FAIL) test\/fixtures\/runner\/(\w+)\.case\.ts/.exec(line)?.[1] ?? []);
  assert.equal([order.length, order.at(-1)], [3, 'fails']);
});

test('counts and shows what a file skips, and fails it where nothing may be skipped', async () => {
  const skipped = await run('skips');
  assert.equal([skipped.passed, skipped.failed, skipped.skipped], [0, 0, 1]);
  assert.match(skipped.output, 'skip test/fixtures/runner/skips.case.ts: the thing is absent');
  const failed = await run('skips', { areSkipsFailures: true });
  assert.equal([failed.passed, failed.failed, failed.skipped], [0, 1, 0]);
});

test('finds a SKIP line behind the dots of a running suite', () => {
  const judged = judge('• • SKIP: no camera\n•   (3 / 3)\n\n  Total:     3\n  Passed:    3\n  Skipped:   0\n', '');
  assert.equal([judged.passed, judged.failed, judged.reasons], [3, 0, ['no camera']]);
});

test('the last line says the sums and the exit code says whether all passed', () => {
  const script = `import { conclude } from './test/support/runner.ts'; conclude(JSON.parse(process.argv[1]));`;
  const conclude = (counts: RunCounts): [string, number | null] => {
    const result = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script, JSON.stringify(counts)], { cwd: root, encoding: 'utf8' });
    return [result.stdout, result.status];
  };
  assert.equal(conclude({ passed: 3, failed: 0, skipped: 0 }), ['3 passed, 0 failed\n', 0]);
  assert.equal(conclude({ passed: 3, failed: 1, skipped: 2 }), ['3 passed, 1 failed, 2 skipped\n', 1]);
});

test.run();
