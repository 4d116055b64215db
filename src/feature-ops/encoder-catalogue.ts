import { z } from 'zod';
import type { Modality } from '../messages/raster.ts';
import { ENCODERS } from './encoders/index.ts';

/** An encoder as users see it. */
export interface EncoderView {
  readonly name: string;
  readonly version: string;
  readonly modalities: readonly Modality[];
  readonly summary: string;
  /** JSON Schema (2020-12) of its options: meaning, range and default of each. */
  readonly options: object;
  readonly examples: readonly object[];
}

/** Every encoder with its options, made from the plugins themselves. */
export function encoderCatalogue(): readonly EncoderView[] {
  return ENCODERS.map(({ name, version, modalities, summary, options, examples }) => (
    { name, version, modalities, summary, options: z.toJSONSchema(options, { io: 'input' }), examples: examples.map((example) => ({ ...example, name })) }
  ));
}
