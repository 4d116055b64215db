import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AliveMark } from '../../../actors/root/alive-mark.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('says how long ago a node died at work, and nothing of one that ended in order', async () => {
  const folder = temporaryFolder();
  const clock = fakeClock();
  const mark = new AliveMark(folder, clock);
  assert.is(await mark.diedMsAgo(), Number.POSITIVE_INFINITY);
  await mark.touch();
  await clock.advance(1_500);
  assert.is(await new AliveMark(folder, clock).diedMsAgo(), 1_500);
  await mark.remove();
  assert.is(await mark.diedMsAgo(), Number.POSITIVE_INFINITY);
});

test.run();
