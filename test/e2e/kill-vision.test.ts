import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { checkDetected, PATIENT, withSite } from '../support/three-cameras.ts';

const VISION_BACK_MS = 2000;

test('a killed vision process costs no frame: recording goes on, and what it had in hand is detected by the next one', () => withSite({ env: PATIENT }, async (site) => {
  for (let kill = 1; kill <= 2; kill += 1) {
    await site.moreFrames(10);
    withinBound(`frames captured after kill ${kill} of vision detected on every camera`, await site.detectedAgain(site.kill('vision-0')), VISION_BACK_MS);
  }
  await site.moreFrames(10);
  const { verdicts } = await site.judge();
  for (const { problems, losses, dropped } of verdicts) {
    assert.equal(problems, []);
    assert.equal(losses, []);
    assert.is(dropped['undecodable'] ?? 0, 0, 'the next one begins at a key frame and goes on from archive to live');
  }
  checkDetected(verdicts);
}));

test('a killed store process is survived: recording and streams go on, the ledger is exact, nothing is doubled', () => withSite({ env: PATIENT }, async (site) => {
  await site.moreFrames(10);
  const at = site.kill('store');
  console.log(`  records again after ${(await site.detectedAgain(at)).toFixed(0)} ms`);
  await site.moreFrames(10);
  const connections = site.clients.map((client) => client.connections);
  const { verdicts } = await site.judge();
  for (const { problems, losses } of verdicts) {
    assert.equal(problems, []);
    assert.equal(losses, []);
  }
  assert.equal(connections, [1, 1, 1], 'no client had to connect again');
  checkDetected(verdicts);
}));

test.run();
