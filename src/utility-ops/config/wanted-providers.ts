import type { Config } from './schema.ts';

/** The execution providers that may run the model, best first: when strict only the first, so that nothing falls back. */
export function wantedProviders({ providers, isStrict }: Pick<Config['modelOps'], 'providers' | 'isStrict'>): readonly string[] {
  return isStrict ? providers.slice(0, 1) : providers;
}
