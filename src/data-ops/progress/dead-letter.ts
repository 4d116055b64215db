import { reportError } from '../../engine/errors.ts';
import type { EpochMicros } from '../../engine/units.ts';
import type { DeadLetter } from '../../messages/dead-letter.ts';
import type { KafkaRecord } from '../../transports/kafka-types.ts';

/** The dead letter of a record that could not be processed. Its payload is a copy: the fetched bytes may go. */
export function deadLetter(record: KafkaRecord, failure: { readonly group: string; readonly error: unknown; readonly tries: number; readonly at: EpochMicros }): DeadLetter {
  const { topic, partition, offset, key, headers, value } = record;
  const { code, message } = reportError(failure.error);
  return {
    topic, partition, offset, group: failure.group, key, headers, errorCode: code, errorMessage: message, tries: failure.tries, at: failure.at,
    payload: value === null ? new Uint8Array(0) : Uint8Array.from(value),
  };
}
