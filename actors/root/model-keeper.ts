import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { ModelCatalogue, modelReference, type ModelEntry } from '../../src/model-ops/catalogue.ts';
import type { ActiveModelView, ModelView } from '../../src/serving-ops/service.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { ChosenModel } from './chosen-model.ts';
import type { ModelSettings, VisionFleet } from './vision-fleet.ts';

/** What keeps the model of a node. */
export interface ModelKeeperOptions {
  readonly config: Pick<Config, 'models' | 'modelOps' | 'data'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Recorder, 'count'>;
  /** Tells the platform what became of a change. */
  readonly report: (event: PlatformEvent) => void;
  /** Aborts when the platform stops. */
  readonly signal: AbortSignal;
}

/** Which model the vision processes of a node run, and which one they are to run. The newest wish counts; one that fails leaves everything as it was. */
export class ModelKeeper {
  readonly catalogue: ModelCatalogue;
  readonly #options: ModelKeeperOptions;
  readonly #chosen: ChosenModel;
  #active: ModelEntry;
  #wanted: ModelEntry;
  #fleet: VisionFleet | undefined;
  #changing: Promise<void> | undefined;
  #lastError: ActiveModelView['lastError'];
  #counts = { done: 0, refused: 0 };

  constructor(options: ModelKeeperOptions) {
    this.#options = options;
    this.catalogue = new ModelCatalogue(options.config);
    this.#active = this.catalogue.configured;
    this.#wanted = this.#active;
    this.#chosen = new ChosenModel(options.config.data, this.#active);
  }

  /** Starts the vision processes with the model that was chosen last, or that of the settings. */
  async start(fleet: VisionFleet): Promise<void> {
    const chosen = await this.#chosen.read();
    if (chosen !== undefined) {
      this.#active = await this.catalogue.find(chosen).catch((error: unknown) => {
        this.#options.log.warn({ model: chosen, error: reportError(error) }, 'the model chosen last is gone; that of the settings is used');
        return this.catalogue.configured;
      });
      this.#wanted = this.#active;
    }
    this.#fleet = fleet;
    fleet.start(modelSettings(this.#active));
  }

  /** Asks for another model; what becomes of it is told by `view` and an event. @throws PlatformError MODEL_UNKNOWN */
  async want(reference: string): Promise<void> {
    this.#wanted = await this.catalogue.find(reference);
    this.#lastError = undefined;
    this.#changing ??= this.#change().finally(() => { this.#changing = undefined; });
  }

  /** A model that was asked for cannot even be tried here. */
  refuse(model: string, error: unknown): void {
    const { clock, log, telemetry, report } = this.#options;
    const { code, message } = reportError(error);
    this.#counts.refused += 1;
    this.#lastError = { model, code, message };
    telemetry.count('modelSwaps', { outcome: 'refused' });
    log.error({ model, code, reason: message }, 'model not changed: the one before goes on');
    report({ type: 'model', at: epochMicros(clock.now()), model, state: 'refused', code, message });
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> { await this.#changing; }

  async list(): Promise<readonly ModelView[]> {
    const active = modelReference(this.#active);
    return (await this.catalogue.list()).map(entry => ({ model: modelReference(entry), name: entry.name, version: entry.version, family: entry.family, source: entry.source, isActive: modelReference(entry) === active }));
  }

  view(): ActiveModelView {
    return {
      active: modelReference(this.#active), wanted: modelReference(this.#wanted), state: this.#changing === undefined ? 'steady' : 'changing',
      processes: this.#fleet?.processes.map(({ name, actor, loaded }) => ({ name, isReady: actor.isReady, model: loaded?.model ?? null, digest: loaded?.digest ?? null, provider: loaded?.provider ?? null })) ?? [],
      counts: { ...this.#counts }, ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  async #change(): Promise<void> {
    const { signal, clock, log, telemetry, report } = this.#options;
    while (!isSame(this.#wanted, this.#active) && !signal.aborted) {
      const wanted = this.#wanted;
      const model = modelReference(wanted);
      const sinceMs = clock.monotonicMs();
      try {
        if (!this.#fleet) throw new PlatformError('MODEL_REFUSED', 'vision is split here: both halves would have to change at the same frame, so that the model is that of the settings');
        await this.#fleet.use(modelSettings(wanted), signal);
        this.#active = wanted;
        await this.#chosen.write(model).catch((error: unknown) => log.error({ model, error: reportError(error) }, 'the choice of the model will not survive a restart'));
        this.#counts.done += 1;
        telemetry.count('modelSwaps', { outcome: 'done' });
        log.info({ model, ms: Math.round(clock.monotonicMs() - sinceMs) }, 'model changed');
        report({ type: 'model', at: epochMicros(clock.now()), model, state: 'active' });
      } catch (error) {
        if (signal.aborted) return;
        if (this.#wanted === wanted) this.#wanted = this.#active; // else somebody asked for yet another one meanwhile
        this.refuse(model, error);
      }
    }
  }
}

/** What a vision process is told of a model. */
export function modelSettings(entry: ModelEntry): ModelSettings {
  const { path, family, inputSize, labels, scoreMin, iouMax, source } = entry;
  const isNamed = source !== 'built-in' && entry.version !== 'configured';
  return { model: path, family, size: inputSize, labels, scoreMin, iouMax, ...(isNamed ? { id: modelReference(entry) } : {}) };
}

function isSame(one: ModelEntry, other: ModelEntry): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
