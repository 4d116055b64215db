import { join, resolve } from 'node:path';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What vision process `index` has in its environment besides the root's: the one GPU of the pool that it sees, by which inference and decoding both find it as
 * device 0 (a part of a partitioned card can be chosen in no other way), and where TensorRT keeps the engines that take minutes to build.
 * @throws PlatformError CONFIG_INVALID when CUDA_VISIBLE_DEVICES shows fewer GPUs than the pool has
 */
export function visionEnvironment(config: Config, index: number, environment: Environment): Readonly<Record<string, string>> {
  return { ...pinned(config.modelOps.gpuPool, index, environment), ...(config.modelOps.providers.includes('tensorrt') ? engineCache(config.data, environment) : {}) };
}

function pinned(pool: number, index: number, { CUDA_VISIBLE_DEVICES: visible, CUDA_DEVICE_ORDER: order }: Environment): Readonly<Record<string, string>> {
  if (pool === 0) return {};
  // Numbers as nvidia-smi shows them; CUDA's own order is the fastest card first.
  if (visible === undefined) return { CUDA_VISIBLE_DEVICES: String(index % pool), CUDA_DEVICE_ORDER: order ?? 'PCI_BUS_ID' };
  const listed = visible.split(',').map(text => text.trim());
  const end = listed.findIndex(text => text === '' || text.startsWith('-')); // CUDA shows what stands before the first that is none
  const devices = end < 0 ? listed : listed.slice(0, end);
  const device = devices[index % pool];
  if (devices.length < pool || device === undefined) {
    throw new PlatformError('CONFIG_INVALID', `modelOps.gpuPool is ${pool}, but CUDA_VISIBLE_DEVICES ('${visible}') shows ${devices.length}`, { gpuPool: pool, visible: devices.length });
  }
  return { CUDA_VISIBLE_DEVICES: device };
}

function engineCache(data: string, environment: Environment): Readonly<Record<string, string>> {
  const wanted = { ORT_TENSORRT_ENGINE_CACHE_ENABLE: '1', ORT_TENSORRT_CACHE_PATH: join(resolve(data), 'tensorrt') };
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => environment[name] === undefined));
}
