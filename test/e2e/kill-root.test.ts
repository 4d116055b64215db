import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { detectedShare, PATIENT, withSite } from '../support/three-cameras.ts';

const CHILDREN_END_MS = 2000;
const LAUNCHER_NOTICED_MS = 3000;

test('children of a killed root end; the next start finishes what they left, and the ledger holds over both', () => withSite({ env: PATIENT }, async (site) => {
  await site.moreFrames(10);
  site.kill('root');
  withinBound('all processes gone after the root was killed', await site.run.gone(), CHILDREN_END_MS);
  await site.startAgain();
  await site.moreFrames(10);
  site.kill('launcher');
  withinBound('all processes gone after the launcher was killed', await site.run.gone(), LAUNCHER_NOTICED_MS);
  await site.startAgain();
  await site.moreFrames(10);
  const { verdicts, code } = await site.judge();
  assert.is(code, 0);
  for (const { problems, losses, dropped } of verdicts) {
    assert.equal(problems, []);
    assert.is(losses.length, 2);
    assert.is(dropped['undecodable'] ?? 0, 0);
  }
  assert.ok(detectedShare(verdicts) >= 0.95, `${detectedShare(verdicts)} detected`);
}));

test.run();
