import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import { visionProcesses } from '../../../src/utility-ops/config/vision-processes.ts';

/** Processes with certain settings, cores and cameras. */
function processesOf(environment: Record<string, string>, cores: number, cameras = 1_000): number {
  return visionProcesses(loadConfig({ environment, cwd: '/' }), { cores, cameras });
}

test('leaves cores to ingest, store and root, and needs no more processes than cameras', () => {
  assert.equal([1, 2, 3, 4, 8, 16, 64].map(cores => processesOf({}, cores)), [1, 1, 2, 3, 6, 13, 55]);
  assert.equal([0, 1, 2, 5].map(cameras => processesOf({}, 8, cameras)), [1, 1, 2, 5]);
});

test('runs one process for each GPU of the pool, and as many as asked for above all', () => {
  assert.is(processesOf({ VTO__MODEL_OPS__GPU_POOL: '4' }, 2), 4);
  assert.is(processesOf({ VTO__MODEL_OPS__GPU_POOL: '4', VTO__VISION__PROCESSES: '2' }, 16), 2);
});

test.run();
