import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withBackfillSite } from '../support/backfill-site.ts';
import { writeSlowModel } from '../support/slow-model.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CLIP } from '../support/three-cameras.ts';
import { until } from '../support/vto-run.ts';

/** A third of the time is for live frames, so that what was filled is being worked on for some seconds. */
const EXEC_MS = 1000 / CLIP.fps / 3;

test('a vision process that is killed while it works on what was filled: each frame has one record, live frames and filled ones', async () => {
  const model = join(temporaryFolder(), 'slow.onnx');
  await writeSlowModel(model, EXEC_MS);
  await withBackfillSite({ args: ['--model', model] }, async ({ run, eventsOf, stall, counters }) => {
    await stall(6 * CLIP.fps);
    await until(async () => (await eventsOf('backfilled')).length > 0, 'the gap is filled', 30_000);
    const [{ counts }] = await run.cameras() as [Awaited<ReturnType<typeof run.cameras>>[0]];
    console.log(`  killed with ${counts.received - counts.detected} frames under way`);
    run.kill('vision-0');
    // How soon all of it is detected on depends on what else this machine does; what is left at the stop ends as stale.
    await until(async () => (await run.cameras())[0]!.counts.detected > counts.detected + CLIP.fps, 'it is detected on again', 60_000);
    await run.stop();
    const epochs = await counters();
    assert.is(epochs.length, 3);
    const [before, between, after] = epochs.map(([, each]) => each);
    assert.is(after![0]!, between!.at(-1)! + 1);
    assert.ok(between![0]! <= before!.at(-1)! + 1);
  });
});

test('a killed ingest process: what it missed is filled from the camera, and nothing is missing between the sessions', () => withBackfillSite({}, async ({ run, eventsOf, settled, counters }) => {
  run.kill('ingest-0');
  await until(async () => (await eventsOf('backfilled')).length > 0, 'the gap is filled', 30_000);
  await settled();
  await run.stop();
  const epochs = await counters();
  assert.is(epochs.length, 3);
  for (const [index, [, each]] of epochs.entries()) {
    const next = epochs[index + 1]?.[1];
    assert.equal(each, Array.from(each, (_, at) => each[0]! + at));
    if (next !== undefined) assert.ok(next[0]! <= each.at(-1)! + 1 && next[0]! > each.at(-1)! - CLIP.gop - CLIP.fps, 'nothing is missing, and little is there twice');
  }
}));

test.run();
