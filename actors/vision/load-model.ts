import type { DetectorModel, DetectorOptions } from '../../src/inference/detector-model.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import type { Runtime } from '../../src/inference/session.ts';
import type { RoleContext } from '../process/role-process.ts';

/**
 * Loads the detector of a process, and tells which execution provider it got. `runtime` is onnxruntime-node, outside tests.
 * @throws PlatformError as `loadDetector`
 */
export async function loadModel(options: DetectorOptions, { log, telemetry }: Pick<RoleContext, 'log' | 'telemetry'>, runtime?: Runtime): Promise<DetectorModel> {
  const model = await loadDetector(options, { warn: (fields, text) => log.warn(fields, text), runtime });
  const [wanted = model.provider] = options.providers;
  if (model.provider !== wanted) telemetry.count('providerFallbacks', { wanted, used: model.provider });
  telemetry.set('modelLoaded', { model: model.id, provider: model.provider }, 1);
  return model;
}
