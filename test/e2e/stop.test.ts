import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { PATIENT, withSite } from '../support/three-cameras.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { VtoRun } from '../support/vto-run.ts';

const STOP_MS = 3000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends everything, and what was received is recorded and has a record`, () => withSite({ env: PATIENT }, async (site) => {
    await site.moreFrames(10);
    const { verdicts, stopMs, code } = await site.judge(signal);
    withinBound(`stop by ${signal}`, stopMs, STOP_MS);
    assert.is(code, 0);
    for (const { problems, losses } of verdicts) {
      assert.equal(problems, []);
      assert.equal(losses, []);
    }
    assert.match(site.run.output, /balanced/);
    assert.not.match(site.run.output, /"level":"error"/, 'a stop is no failure');
  }));
}

test('a stop while everything still starts ends everything too', async () => {
  const run = await VtoRun.start({ data: temporaryFolder(), cameras: { nowhere: 'rtsp://127.0.0.1:9/none' } });
  try {
    const { ms, code } = await run.stop('SIGTERM');
    withinBound('stop during the start', ms, STOP_MS);
    assert.is(code, 0);
  } finally {
    run.killAll();
  }
});

test.run();
