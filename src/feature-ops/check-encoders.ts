import { PlatformError } from '../engine/errors.ts';
import type { EncodingWish } from '../messages/desired-camera.ts';
import type { Modality } from '../messages/raster.ts';
import { ENCODERS } from './encoders/index.ts';
import { checkEncoding } from './feature-factory.ts';
import { MODALITIES } from './modalities/index.ts';

/**
 * Makes sure that encoders exist and take their options, each once, so that what is wanted can be had.
 * @param modality that of the camera; null where its pictures tell: then any will do
 * @param about begins the message of what is wrong
 * @throws PlatformError PLUGIN_UNKNOWN, CONFIG_INVALID; MODEL_INVALID and SOURCE_NOT_FOUND (`onnx`)
 */
export async function checkEncoders(wishes: readonly EncodingWish[], modality: Modality | null, about = ''): Promise<void> {
  const seen = new Set<string>();
  for (const wish of wishes) {
    const text = JSON.stringify([wish.name, wish.options]);
    if (seen.has(text)) throw new PlatformError('CONFIG_INVALID', `${about}encoder '${wish.name}' is wanted twice with the same options`, { encoder: wish.name });
    seen.add(text);
    try {
      await checkEncoding(modality ?? anyModalityOf(wish.name), wish.name, wish.options);
    } catch (error) {
      throw error instanceof PlatformError ? new PlatformError(error.code, `${about}${error.message}`, error.facts, error) : error;
    }
  }
}

function anyModalityOf(name: string): Modality {
  const modality = ENCODERS.find((plugin) => plugin.name === name)?.modalities[0];
  if (modality !== undefined) return modality;
  const known = MODALITIES.map(({ name: each }) => `${each}: ${ENCODERS.filter(({ modalities }) => modalities.includes(each)).map((plugin) => plugin.name).join(', ')}`);
  throw new PlatformError('PLUGIN_UNKNOWN', `unknown encoder '${name}' (known for ${known.join('; ')})`, { encoder: name });
}
