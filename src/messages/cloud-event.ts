import { PlatformError } from '../engine/errors.ts';
import type { Envelope } from '../engine/ports.ts';
import { epochMicros, isCameraId, type EpochMicros } from '../engine/units.ts';
import type { EventIdentity } from './body-mapping.ts';
import type { RecordCodec } from './record-codec.ts';

/** What a record says besides its value. */
export interface RecordFrame {
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was written, milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

/** What all records of a topic share. */
export interface EventOrigin {
  /** `ce_source`, a URI reference. */
  readonly source: string;
  /** `ce_type`, before the kind of the body. */
  readonly type: string;
}

const TRACE_HEADER = 'traceparent';

/** CloudEvents 1.0 attributes in binary mode (Kafka protocol binding, 3.2): headers of a record. */
export function cloudEventHeaders(origin: EventOrigin, { id, kind, at }: EventIdentity, subject: string): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0', ce_id: id, ce_source: origin.source, ce_type: kind === undefined ? origin.type : `${origin.type}.${kind}`, ce_subject: subject, 'content-type': 'application/avro',
  };
  if (at !== undefined) headers['ce_time'] = eventTime(at);
  return headers;
}

/** All headers of an envelope's record: its event time and trace come back exactly by `envelopeOf`. */
export function recordHeaders<Body>(codec: RecordCodec<Body>, envelope: Envelope<Body>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { ...codec.headers(envelope.body, envelope.key), ce_time: eventTime(envelope.capturedAt) };
  if (envelope.trace !== '') headers[TRACE_HEADER] = envelope.trace;
  return headers;
}

/**
 * The envelope a record was written from: its camera is the key, or `ce_subject` where the key names none; its time `ce_time`, else when it was written.
 * @throws PlatformError RECORD_INVALID when neither names a camera
 */
export function envelopeOf<Body>(record: RecordFrame, body: Body): Envelope<Body> {
  const { headers } = record;
  const key = [record.key ?? '', headers['ce_subject'] ?? ''].find(isCameraId);
  if (key === undefined) throw new PlatformError('RECORD_INVALID', `record is about no camera: '${String(record.key).slice(0, 80)}'`);
  const capturedAt = microsOf(headers['ce_time'] ?? '') ?? epochMicros(record.timestampMs * 1000);
  return { body, key, capturedAt, trace: headers[TRACE_HEADER] ?? '' };
}

/** RFC 3339 text in UTC with microseconds: `2026-01-31T23:59:59.123456Z`. */
export function eventTime(at: EpochMicros): string {
  const micros = Math.round(at);
  const seconds = Math.floor(micros / 1e6);
  if (seconds !== lastSecond.seconds) lastSecond = { seconds, text: new Date(seconds * 1000).toISOString().slice(0, 20) };
  return `${lastSecond.text}${String(micros - seconds * 1e6).padStart(6, '0')}Z`;
}

/** Records come in the order of their time: most share the second with the one before. */
let lastSecond = { seconds: 0, text: '1970-01-01T00:00:00.' };

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)$/i;

/** Microseconds of an RFC 3339 text, finer parts cut off; undefined when it is none. */
export function microsOf(text: string): EpochMicros | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [, seconds = '', fraction = '', zone = ''] = match;
  const millis = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(millis) ? undefined : epochMicros(millis * 1000 + Number(fraction.padEnd(6, '0')));
}
