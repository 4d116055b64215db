import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { modelReference, type ModelEntry } from '../../src/model-ops/catalogue.ts';

/** What was chosen, and what the settings said then. */
interface Choice { readonly model: string; readonly configured: string }

/** Which model was chosen while running: kept beside the data, so that it survives a restart. A choice ends when the settings name another model than they did. */
export class ChosenModel {
  readonly #file: string;
  readonly #configured: string;

  constructor(folder: string, configured: ModelEntry) {
    this.#file = join(folder, 'chosen-model.json');
    this.#configured = JSON.stringify([modelReference(configured), configured.path, configured.family, configured.inputSize, configured.labels, configured.scoreMin, configured.iouMax]);
  }

  /** `name@version`; undefined when none was chosen, or the settings were changed since. */
  async read(): Promise<string | undefined> {
    const text = await readFile(this.#file, 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const { model, configured } = JSON.parse(text) as Choice; // written below; anything else is no choice
      return configured === this.#configured && typeof model === 'string' ? model : undefined;
    } catch {
      return undefined;
    }
  }

  /** Resolves when the choice is on disk. What the settings ask for is no choice. */
  async write(model: string): Promise<void> {
    if (model === (JSON.parse(this.#configured) as readonly [string])[0]) { await rm(this.#file, { force: true }); return; }
    const temporary = `${this.#file}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ model, configured: this.#configured } satisfies Choice)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#file);
  }
}
