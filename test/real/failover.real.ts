import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import { measureFailover } from '../support/failover.ts';

if (spawnSync('ffmpeg', ['-version']).status !== 0) {
  console.log('SKIP: fail-over of cameras: ffmpeg, which decodes what was recorded, is not installed');
} else {
  test('fifty lost cameras are back within a second and a GOP, fifty standbys take over without a gap, and the ledger is exact', async () => {
    await measureFailover({ cameras: 10, rounds: 5 });
  });
}

test.run();
