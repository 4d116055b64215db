import { PlatformError } from '../engine/errors.ts';
import type { RecordCodec } from '../messages/record-codec.ts';

/**
 * The body of a record, after asking the Schema Registry where its schema is not known.
 * @throws PlatformError RECORD_INVALID, SCHEMA_UNKNOWN; REGISTRY_UNAVAILABLE when the registry does not answer
 */
export async function decodeRecord<Body>(codec: Pick<RecordCodec<Body>, 'decode' | 'learn'>, value: Buffer): Promise<Body> {
  try {
    return codec.decode(value);
  } catch (error) {
    if (!isSchemaUnknown(error) || await codec.learn?.(value) !== true) throw error;
    return codec.decode(value);
  }
}

/** True when asking the Schema Registry may help. */
export function isSchemaUnknown(error: unknown): boolean {
  return error instanceof PlatformError && error.code === 'SCHEMA_UNKNOWN';
}
