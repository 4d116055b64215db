import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gaugeQueues } from '../../../actors/process/queue-gauges.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';
import { fakeClock } from '../../support/fake-clock.ts';

test('the gauges of a queue follow its depth until the process ends', async () => {
  const clock = fakeClock();
  const telemetry = createRecorder({ process: 'test', hasProcessMetrics: false });
  const over = new AbortController();
  let depth = { items: 3, bytes: 300 };
  gaugeQueues({ records: { depth: () => depth } }, { clock, telemetry, signal: over.signal });
  const gauges = async (): Promise<readonly number[]> => {
    const snapshot = [await telemetry.snapshot()];
    return ['visutility_queue_items', 'visutility_queue_bytes'].map((name) => sumOf(snapshot, name, { queue: 'records' }));
  };
  await clock.advance(1000);
  assert.equal(await gauges(), [3, 300]);
  depth = { items: 0, bytes: 0 };
  await clock.advance(1000);
  assert.equal(await gauges(), [0, 0]);
  over.abort();
  depth = { items: 9, bytes: 900 };
  await clock.advance(5000);
  assert.equal(await gauges(), [0, 0]);
});

test.run();
