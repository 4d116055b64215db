import { deserialize, serialize } from 'node:v8';
import { PlatformError } from '../../src/engine/errors.ts';
import type { RecordCodec } from '../../src/transports/kafka-types.ts';

/** A codec for records of any plain body, for tests that are not about the format. */
export function v8Codec<Body>(): RecordCodec<Body> {
  return {
    encode: body => serialize(body),
    decode(value) {
      try {
        return deserialize(value) as Body;
      } catch (cause) {
        throw new PlatformError('RECORD_INVALID', `no such record in ${value.byteLength} bytes`, {}, cause);
      }
    },
    headers: () => ({}),
  };
}
