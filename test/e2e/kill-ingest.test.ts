import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { checkDetected, GOP_MS, PATIENT, withSite } from '../support/three-cameras.ts';

/** `recording.partMs`: what a kill takes of what had arrived. */
const PART_MS = 200;
const INGEST_BACK_MS = 1000;

test('a killed ingest process loses a gap that the store tells exactly, and nothing else; everything else gets one record', () => withSite({ env: PATIENT }, async (site) => {
  await site.moreFrames(10);
  const first = site.kill('ingest-0');
  await site.detectedAgain(first);
  const second = site.kill('ingest-0', 'vision-0');
  await site.detectedAgain(second);
  await site.moreFrames(10);
  const { verdicts } = await site.judge();
  for (const { problems, losses, dropped } of verdicts) {
    assert.equal(problems, []);
    assert.is(losses.length, 2, 'one gap a kill');
    for (const [index, at] of [first, second].entries()) {
      const loss = losses[index]!;
      withinBound(`gap of kill ${index + 1}`, loss.ms, PART_MS + INGEST_BACK_MS + GOP_MS);
      withinBound(`received again after kill ${index + 1}`, (loss.toMicros - at) / 1000, INGEST_BACK_MS + GOP_MS);
    }
    assert.is(dropped['undecodable'] ?? 0, 0);
  }
  checkDetected(verdicts);
}));

test.run();
