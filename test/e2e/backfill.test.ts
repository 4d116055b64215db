import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withBackfillSite } from '../support/backfill-site.ts';
import { CLIP } from '../support/three-cameras.ts';
import { until } from '../support/vto-run.ts';

const LAUNCHER = fileURLToPath(new URL('../../src/cli/vto.mjs', import.meta.url));

for (const clockSkewMs of [0, 3_600_000]) {
  test(`what a camera recorded while its stream stood still is in the archive afterwards: every picture, detected on, and the ledger is sound; its clock is ${clockSkewMs / 1000} s ahead`, () => withBackfillSite({ clockSkewMs }, async ({ run, eventsOf, stall, settled, counters }) => {
    await stall(4 * CLIP.fps);
    const [filled] = await until(async () => { const events = await eventsOf('backfilled'); return events.length > 0 && events; }, 'the gap is filled', 30_000);
    const [gap] = await eventsOf('gap');
    await settled();
    await run.stop();
    console.log(`  ${run.output.split('\n').filter((line) => line.includes('gap was filled')).join('\n  ')}`);
    assert.equal([filled?.from, filled?.to], [gap?.from, gap?.to], 'all of the gap');
    const epochs = await counters();
    assert.is(epochs.length, 3, 'before, filled, after: numbered in the order of their times');
    for (const [, each] of epochs) assert.equal(each, Array.from(each, (_, index) => each[0]! + index), 'no picture is missing or twice within an epoch');
    const [before, between, after] = epochs.map(([, each]) => each);
    assert.ok(between![0]! <= before!.at(-1)! + 1 && before!.at(-1)! - between![0]! < CLIP.gop, 'at most a GOP twice');
    assert.is(after![0]!, between!.at(-1)! + 1, 'nothing between what was filled and the live session, and nothing twice');
    assert.is(filled?.frames, between!.at(-1)! - before!.at(-1)!);
    const verdict = await new Promise<{ readonly code: unknown; readonly text: string }>((resolve) => {
      execFile(process.execPath, [LAUNCHER, 'verify', '--data', run.data], (error, text) => resolve({ code: error === null ? 0 : error.code ?? 1, text }));
    });
    console.log(verdict.text.replaceAll(/^/gm, '  '));
    assert.is(verdict.code, 0);
    assert.match(verdict.text, /dock/);
  }));
}

test.run();
