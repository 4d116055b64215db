import type { CameraId } from '../engine/units.ts';

/** Turns message bodies into record values and back. The value is what lies on Kafka, framing included. */
export interface RecordCodec<Body> {
  encode(body: Body): Buffer;
  /** @throws PlatformError RECORD_INVALID (not such a record), SCHEMA_UNKNOWN (its schema id is not known) */
  decode(value: Buffer): Body;
  /** Asks the Schema Registry for the schema of a value that met SCHEMA_UNKNOWN. True: it is known now, decode it again. @throws PlatformError REGISTRY_UNAVAILABLE, REGISTRY_REFUSED */
  learn?(value: Buffer): Promise<boolean>;
  /** Headers of a record besides traceparent: CloudEvents attributes. */
  headers(body: Body, key: CameraId): Readonly<Record<string, string>>;
}
