import { PlatformError } from '../engine/errors.ts';
import type { Warn } from '../inference/session.ts';
import type { Modality } from '../messages/raster.ts';
import type { Encoder, EncoderPlugin } from './encoders/encoder.ts';
import { openEncoder } from './encoders/graph-encoder.ts';
import { ENCODERS } from './encoders/index.ts';
import { MODALITIES } from './modalities/index.ts';
import type { ModalityPlugin } from './modalities/modality.ts';

/** Options of an encoder, as its plugin describes them. */
export type EncodingOptions = Readonly<Record<string, unknown>>;

interface Choice {
  readonly modality: ModalityPlugin;
  readonly encoding: { readonly name: string; readonly options: EncodingOptions } | undefined;
  readonly providers: readonly string[];
  readonly warn: Warn;
}

/**
 * Makes encoders: `await FeatureFactory.create().withModality('rgb').withEncoding('hog').instantiate()`. Every step gives a new factory, so
 * that a half-configured one can be kept and shared.
 */
export class FeatureFactory {
  readonly #choice: Choice;

  private constructor(choice: Choice) {
    this.#choice = choice;
  }

  /** A factory for colour pictures on the processor, without an encoding yet. */
  static create(): FeatureFactory {
    return new FeatureFactory({ modality: modalityOf('rgb'), encoding: undefined, providers: ['cpu'], warn: () => { /* who cares gives withProviders a listener */ } });
  }

  /** What the pixels mean: `rgb`, `depth` or `thermal`. @throws PlatformError PLUGIN_UNKNOWN */
  withModality(name: Modality): FeatureFactory {
    return new FeatureFactory({ ...this.#choice, modality: modalityOf(name) });
  }

  /** What is made of them; whether the modality has it is asked by `instantiate`. */
  withEncoding(name: string, options: EncodingOptions = {}): FeatureFactory {
    return new FeatureFactory({ ...this.#choice, encoding: { name, options } });
  }

  /**
   * Where it runs: execution providers, best first.
   * @param options.warn told of each provider that does not start
   */
  withProviders(providers: readonly string[], { warn = () => { /* nobody listens */ } }: { readonly warn?: Warn } = {}): FeatureFactory {
    return new FeatureFactory({ ...this.#choice, providers, warn });
  }

  /**
   * The encoder, loaded and tried; whoever asked for it closes it.
   * @throws PlatformError PLUGIN_UNKNOWN (encoder of the modality, provider), CONFIG_INVALID (options), MODEL_INVALID and SOURCE_NOT_FOUND (`onnx`), PROVIDER_UNAVAILABLE
   */
  async instantiate(): Promise<Encoder> {
    const { modality, encoding, providers, warn } = this.#choice;
    if (encoding === undefined) throw new PlatformError('CONFIG_INVALID', `no encoding is named (known for ${modality.name}: ${namesFor(modality.name)})`);
    const plugin = pluginOf(encoding.name, modality.name);
    const plan = await plugin.plan(encoding.options, modality.name);
    return openEncoder({ name: plugin.name, version: plugin.version, modality, plan, session: { providers, warn } });
  }
}

/**
 * Makes sure that an encoder exists for the modality and takes the options, without loading anything but what they name.
 * @throws PlatformError PLUGIN_UNKNOWN, CONFIG_INVALID; MODEL_INVALID and SOURCE_NOT_FOUND (`onnx`)
 */
export async function checkEncoding(modality: Modality, name: string, options: EncodingOptions): Promise<void> {
  await pluginOf(name, modalityOf(modality).name).plan(options, modality);
}

function modalityOf(name: string): ModalityPlugin {
  const found = MODALITIES.find((modality) => modality.name === name);
  if (found === undefined) throw new PlatformError('PLUGIN_UNKNOWN', `unknown modality '${name}' (known: ${MODALITIES.map((modality) => modality.name).join(', ')})`, { modality: name });
  return found;
}

function pluginOf(name: string, modality: Modality): EncoderPlugin {
  const found = ENCODERS.find((plugin) => plugin.name === name && plugin.modalities.includes(modality));
  if (found === undefined) throw new PlatformError('PLUGIN_UNKNOWN', `unknown encoder '${name}' for modality '${modality}' (known: ${namesFor(modality)})`, { encoder: name, modality });
  return found;
}

function namesFor(modality: Modality): string {
  return ENCODERS.filter((plugin) => plugin.modalities.includes(modality)).map((plugin) => plugin.name).join(', ');
}
