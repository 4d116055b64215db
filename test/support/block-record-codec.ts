import { PlatformError } from '../../src/engine/errors.ts';
import type { RecordCodec } from '../../src/transports/kafka-types.ts';
import type { Block } from './byte-codec.ts';

/** Codec of blocks as Kafka records: the number, then the bytes. */
export const blockRecordCodec: RecordCodec<Block> = {
  encode({ id, bytes }) {
    const value = Buffer.allocUnsafe(8 + bytes.length);
    value.writeDoubleLE(id);
    value.set(bytes, 8);
    return value;
  },
  decode(value) {
    if (value.length < 8) throw new PlatformError('RECORD_INVALID', `a block of ${value.length} bytes`);
    return { id: value.readDoubleLE(0), bytes: value.subarray(8) };
  },
  headers: () => ({}),
};
