import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import { MOTION_VERSION } from '../inference/built-in.ts';
import type { Config } from '../utility-ops/config/schema.ts';

/** A model that a vision process can load. */
export interface ModelEntry {
  readonly name: string;
  readonly version: string;
  /** Its file; `motion` for the built-in one. */
  readonly path: string;
  readonly family: string;
  /** Width and height where the file leaves them open; empty: the family's. */
  readonly inputSize: readonly number[];
  /** Class names; empty: those of the model or its family. */
  readonly labels: readonly string[];
  readonly scoreMin: number;
  readonly iouMax: number;
  /** Where it was named. */
  readonly source: 'built-in' | 'settings' | 'folder';
}

const MOTION = 'motion';
/** The model of `modelOps`, which has no version of its own. */
const CONFIGURED = 'configured';
const FILE = /^([a-z0-9][a-z0-9._-]{0,62})@([a-zA-Z0-9][a-zA-Z0-9.+_-]{0,31})\.onnx$/;

/** `name@version`. */
export function modelReference({ name, version }: Pick<ModelEntry, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

/**
 * The models that are known by name: the built-in one, those of the settings, and files `name@version.onnx` of the folder `models` below the data
 * folder. Names only: whether a file is a model shows when a vision process loads it.
 */
export class ModelCatalogue {
  readonly #config: Pick<Config, 'models' | 'modelOps' | 'data'>;
  readonly #configured: ModelEntry;

  constructor(config: Pick<Config, 'models' | 'modelOps' | 'data'>) {
    this.#config = config;
    this.#configured = configuredModel(config);
  }

  /** What the settings ask for. */
  get configured(): ModelEntry { return this.#configured; }

  /** By name and version. */
  async list(): Promise<readonly ModelEntry[]> {
    const { models, modelOps } = this.#config;
    const { scoreMin, iouMax } = modelOps;
    const builtIn: ModelEntry = { name: MOTION, version: MOTION_VERSION, path: MOTION, family: 'auto', inputSize: [], labels: [], scoreMin, iouMax, source: 'built-in' };
    const named = models.map((model): ModelEntry => ({ ...model, scoreMin: model.scoreMin ?? scoreMin, iouMax: model.iouMax ?? iouMax, source: 'settings' }));
    // A later one of a name and version wins: settings over files, so that a file cannot take the place of what was named on purpose.
    const all = [...await this.#files(), builtIn, this.#configured, ...named];
    return [...new Map(all.map(entry => [modelReference(entry), entry])).values()].sort((a, b) => (modelReference(a) < modelReference(b) ? -1 : 1));
  }

  /**
   * The model named `name@version`, or `name` where there is one version of it.
   * @throws PlatformError MODEL_UNKNOWN, naming those that are known
   */
  async find(reference: string): Promise<ModelEntry> {
    const all = await this.list();
    const exact = all.find(entry => modelReference(entry) === reference);
    const byName = all.filter(({ name }) => name === reference);
    const found = exact ?? (byName.length === 1 ? byName[0] : undefined);
    if (found) return found;
    throw new PlatformError('MODEL_UNKNOWN', `model '${reference.slice(0, 100)}' is unknown (known: ${all.map(modelReference).join(', ')})`, { field: 'model' });
  }

  async #files(): Promise<readonly ModelEntry[]> {
    const folder = join(this.#config.data, 'models');
    const { scoreMin, iouMax } = this.#config.modelOps;
    const names = await readdir(folder).catch(() => []); // a folder that is not there holds none
    return names.flatMap((file): ModelEntry[] => {
      const [, name, version] = FILE.exec(file) ?? [];
      return name === undefined || version === undefined ? [] : [{ name, version, path: join(folder, file), family: 'auto', inputSize: [], labels: [], scoreMin, iouMax, source: 'folder' }];
    });
  }
}

/** The entry of `modelOps`: that of the list with the same file and settings, else one of its own. */
function configuredModel({ models, modelOps }: Pick<Config, 'models' | 'modelOps'>): ModelEntry {
  const { model: path, family, inputSize, labels, scoreMin, iouMax } = modelOps;
  if (path === MOTION) return { name: MOTION, version: MOTION_VERSION, path, family, inputSize, labels, scoreMin, iouMax, source: 'built-in' };
  const listed = models.find(entry => entry.path === path && entry.family === family && entry.inputSize.join() === inputSize.join() && entry.labels.join() === labels.join() && (entry.scoreMin ?? scoreMin) === scoreMin && (entry.iouMax ?? iouMax) === iouMax);
  const { name, version } = listed ?? { name: nameOf(path), version: CONFIGURED };
  return { name, version, path, family, inputSize, labels, scoreMin, iouMax, source: 'settings' };
}

function nameOf(path: string): string {
  return basename(path, extname(path)).toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-').replace(/^[^a-z0-9]+/, '').slice(0, 63) || 'model';
}
