import { epochMicros, type EpochMicros } from '../../engine/units.ts';
import type { KafkaRecord } from '../kafka-types.ts';

const TRACE = 'traceparent';
/** Event time in microseconds: the record's own timestamp is the time of sending, which decides about retention, and knows milliseconds only. */
const CAPTURED_AT = 'vto-captured-at';

/** Headers of a record: the codec's, the event time and the trace (https://www.w3.org/TR/trace-context/). */
export function headersOf(own: Readonly<Record<string, string>>, capturedAt: EpochMicros, trace: string): Record<string, string> {
  return { ...own, [CAPTURED_AT]: String(capturedAt), ...(trace === '' ? {} : { [TRACE]: trace }) };
}

/** Event time of a record; where a foreign producer wrote none, the time of sending. */
export function capturedAtOf({ headers, timestampMs }: KafkaRecord): EpochMicros {
  const micros = Number(headers[CAPTURED_AT]);
  return epochMicros(Number.isSafeInteger(micros) ? micros : timestampMs * 1000);
}

/** Trace of a record, or empty. */
export function traceOf({ headers }: KafkaRecord): string {
  return headers[TRACE] ?? '';
}
