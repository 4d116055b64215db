import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkEqual, equalityClips, UNHURRIED } from '../support/cluster/equality.ts';
import { startCluster } from '../support/cluster/start-cluster.ts';
import { kafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const kafka = await kafkaOrSkip();

async function check(isSplit: boolean, cameraCount: number): Promise<void> {
  if (kafka === undefined) return;
  const checked = { cameraCount, fps: 5, seconds: 12, folder: temporaryFolder() };
  const clips = await equalityClips(checked);
  const cluster = await startCluster({ brokers: kafka.brokers, folder: checked.folder, isSplit, env: UNHURRIED, args: clips.flatMap(({ uri }) => ['--allow-stream', uri]) });
  try {
    assert.ok(await checkEqual(cluster, checked));
    await cluster.stopAll();
  } finally {
    cluster.killAll();
  }
}

test('two camera nodes, two detector nodes and a gateway detect on 6 cameras what one process does, frame for frame', () => check(false, 6));

test('featurizers and detectors on nodes of their own detect on 3 cameras what one process does, frame for frame', () => check(true, 3));

test.run();
