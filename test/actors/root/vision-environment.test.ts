import { resolve, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { visionEnvironment, type Environment } from '../../../actors/root/vision-environment.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';

/** What each of `count` processes gets. */
function pinnedOf(gpuPool: number, environment: Environment, count = 5): string[] {
  const config = loadConfig({ environment: { VTO__MODEL_OPS__GPU_POOL: String(gpuPool) }, cwd: '/' });
  return Array.from({ length: count }, (_, index) => visionEnvironment(config, index, environment)['CUDA_VISIBLE_DEVICES'] ?? 'all');
}

test('VTO__MODEL_OPS__GPU_POOL=4 gives each vision process one GPU, one after the other', () => {
  assert.equal(pinnedOf(4, {}, 6), ['0', '1', '2', '3', '0', '1']);
  assert.equal(pinnedOf(1, {}), ['0', '0', '0', '0', '0']);
  assert.equal(pinnedOf(0, {}), ['all', 'all', 'all', 'all', 'all'], 'without a pool nothing is changed');
});

test('GPUs are numbered as nvidia-smi shows them, unless the user says otherwise', () => {
  const config = loadConfig({ environment: { VTO__MODEL_OPS__GPU_POOL: '2' }, cwd: '/' });
  assert.equal(visionEnvironment(config, 1, {}), { CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
  assert.equal(visionEnvironment(config, 1, { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' }), { CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'FASTEST_FIRST' });
});

test('the pool is taken from what CUDA_VISIBLE_DEVICES shows: numbers, names and parts of cards', () => {
  assert.equal(pinnedOf(2, { CUDA_VISIBLE_DEVICES: '6,3' }), ['6', '3', '6', '3', '6']);
  assert.equal(pinnedOf(2, { CUDA_VISIBLE_DEVICES: ' MIG-6c1f , GPU-8a2c, 1' }), ['MIG-6c1f', 'GPU-8a2c', 'MIG-6c1f', 'GPU-8a2c', 'MIG-6c1f']);
  assert.equal(pinnedOf(0, { CUDA_VISIBLE_DEVICES: '6,3' }), ['all', 'all', 'all', 'all', 'all'], 'without a pool the variable is the user\'s');
});

test('a pool larger than what is visible is refused at the start, with both numbers', () => {
  for (const [visible, count] of [['0,1', 2], ['', 0], ['-1', 0], ['0,-1,1,2', 1], ['0,,1,2', 1]] as const) {
    assert.throws(() => pinnedOf(3, { CUDA_VISIBLE_DEVICES: visible }), new RegExp(`modelOps.gpuPool is 3, but CUDA_VISIBLE_DEVICES \\('${visible}'\\) shows ${count}`));
  }
});

test('TensorRT keeps its engines in the data folder, unless the environment says where', () => {
  const config = loadConfig({ environment: { VTO__MODEL_OPS__PROVIDERS: 'tensorrt,cuda,cpu' }, cwd: '/' });
  assert.equal(visionEnvironment(config, 0, {}), { ORT_TENSORRT_ENGINE_CACHE_ENABLE: '1', ORT_TENSORRT_CACHE_PATH: join(resolve(config.data), 'tensorrt') });
  assert.equal(visionEnvironment(config, 0, { ORT_TENSORRT_ENGINE_CACHE_ENABLE: '0', ORT_TENSORRT_CACHE_PATH: '/engines' }), {});
});

test.run();
