import type { Config } from './schema.ts';

/** Cores of which one more is left to ingest, store and root. */
const CORES_OF_ONE_LEFT = 8;

/**
 * How many vision processes a node runs. As asked; where that is 0: one a GPU of the pool, else one a core less what ingest, store and root need (one core, and one more
 * for each eight), and not more than there are cameras, since a camera is in one process. Each has one decoding and one inference thread, so that
 * there are never more of these at work than cores.
 * @param cameras that are detected on when the node starts; Infinity where that is not known
 */
export function visionProcesses({ vision, modelOps }: Pick<Config, 'vision' | 'modelOps'>, { cores, cameras }: { readonly cores: number; readonly cameras: number }): number {
  if (vision.processes > 0) return vision.processes;
  if (modelOps.gpuPool > 0) return modelOps.gpuPool;
  return Math.max(1, Math.min(cores - 1 - Math.floor(cores / CORES_OF_ONE_LEFT), cameras));
}
