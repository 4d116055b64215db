import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { METRIC_PREFIX, METRICS } from '../../../src/utility-ops/telemetry/metrics.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { renderMetrics, sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';

function recorder(process = 'vision-0', seriesMax = 5000): ReturnType<typeof createRecorder> {
  return createRecorder({ process, seriesMax, hasProcessMetrics: false });
}

test('metrics of several processes are one text in which the process is a label', async () => {
  const [a, b] = [recorder('vision-0'), recorder('vision-1')];
  a.count('framesDetected', { camera: 'dock' }, 3);
  b.count('framesDetected', { camera: 'dock' });
  a.observe('frameAge', { camera: 'dock' }, 0.04);
  const snapshots = structuredClone(await Promise.all([a.snapshot(), b.snapshot()])); // they cross a process boundary
  const text = await renderMetrics(snapshots);
  assert.match(text, 'visutility_frames_detected_total{camera="dock",process="vision-0"} 3');
  assert.match(text, 'visutility_frames_detected_total{camera="dock",process="vision-1"} 1');
  assert.match(text, /visutility_frame_age_seconds_bucket\{le="0\.05",camera="dock",process="vision-0"\} 1/);
  assert.match(text, /visutility_frame_age_seconds_bucket\{le="0\.033",camera="dock",process="vision-0"\} 0/);
  assert.is(text.match(/# TYPE visutility_frames_detected_total counter/g)?.length, 1);
  assert.is(sumOf(snapshots, 'visutility_frames_detected_total', { camera: 'dock' }), 4);
});

test('implements the observer of stages', async () => {
  const one = recorder();
  one.batch('detector', { in: 4, out: 3, seconds: 0.5, blockedSeconds: 0.25 });
  one.dropped('detector', 'stale', 2, false);
  one.failed('detector', new PlatformError('INFERENCE_FAILED', 'odd'));
  one.failed('detector', new TypeError('odd'));
  const text = await renderMetrics([await one.snapshot()]);
  for (const line of ['stage_in_total{stage="detector",process="vision-0"} 4', 'stage_out_total{stage="detector",process="vision-0"} 3', 'stage_blocked_seconds_total{stage="detector",process="vision-0"} 0.25',
    'stage_batch_seconds_sum{stage="detector",process="vision-0"} 0.5', 'stage_dropped_total{stage="detector",reason="stale",intentional="false",process="vision-0"} 2',
    'stage_failures_total{stage="detector",code="INFERENCE_FAILED",process="vision-0"} 1', 'stage_failures_total{stage="detector",code="UNEXPECTED",process="vision-0"} 1']) assert.match(text, METRIC_PREFIX + line);
});

test('label values beyond the bound are counted as other, and nothing is lost', async () => {
  const one = recorder('x', 10);
  for (let camera = 0; camera < 100; camera++) one.count('framesReceived', { camera: `c${camera}` });
  const snapshots = [await one.snapshot()];
  assert.is(sumOf(snapshots, 'visutility_frames_received_total'), 100);
  assert.is(sumOf(snapshots, 'visutility_frames_received_total', { camera: 'other' }), 90);
  assert.is(sumOf(snapshots, 'visutility_series_refused_total', { metric: 'frames_received_total' }), 90);
});

test('a forgotten camera leaves no series and may come back', async () => {
  const one = recorder();
  one.count('framesDropped', { camera: 'a', reason: 'stale', intentional: 'false' }, 5);
  one.count('framesDropped', { camera: 'b', reason: 'stale', intentional: 'false' }, 7);
  one.forget('camera', 'a');
  assert.is(sumOf([await one.snapshot()], 'visutility_frames_dropped_total'), 7);
  one.count('framesDropped', { camera: 'a', reason: 'stale', intentional: 'false' });
  assert.is(sumOf([await one.snapshot()], 'visutility_frames_dropped_total', { camera: 'a' }), 1);
});

test('Node\'s own metrics are there by default, event loop lag among them', async () => {
  const text = await renderMetrics([await createRecorder({ process: 'root' }).snapshot(), await createRecorder({ process: 'store' }).snapshot()]);
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds', 'process_start_time_seconds']) {
    for (const process of ['root', 'store']) assert.match(text, new RegExp(`^${name}\\{[^}]*process="${process}"`, 'm'), name);
  }
});

test('every metric name follows the grammar and says its unit', () => {
  for (const { kind, name, help } of Object.values(METRICS)) {
    assert.match(name, /^[a-z]+(_[a-z]+)*$/);
    assert.is(name.endsWith('_total'), kind === 'counter', name);
    if (kind === 'histogram') assert.match(name, /_seconds$/);
    assert.match(help, /\.$/);
  }
});

test.run();
