import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { checkDetected, PATIENT, withSite } from '../support/three-cameras.ts';

const CHILDREN_END_MS = 2000;
const LAUNCHER_NOTICED_MS = 3000;

test('children of a killed root end; the next start finishes what they left, and the ledger holds over both', () => withSite({ env: PATIENT }, async (site) => {
  await site.moreFrames(10);
  const sockets = readFileSync(join(site.run.data, 'sockets'), 'utf8');
  assert.ok(existsSync(sockets));
  site.kill('root');
  withinBound('all processes gone after the root was killed', await site.run.gone(), CHILDREN_END_MS);
  await site.startAgain();
  assert.not(existsSync(sockets), 'nothing of the killed run is left in the temporary folder');
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
  checkDetected(verdicts);
}));

test.run();
