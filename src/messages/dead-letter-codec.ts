import { epochMicros } from '../engine/units.ts';
import type { BodyMapping } from './body-mapping.ts';
import type { DeadLetter } from './dead-letter.ts';
import { WIRE_FORMATS, type DeadLetterWire } from './generated/wire.ts';

type Head = Omit<DeadLetterWire, 'payload'>;

/** How dead letters lie on the wire. */
export const DEAD_LETTER: BodyMapping<DeadLetter, Head> = {
  wire: WIRE_FORMATS['dead-letters'],
  toWire: ({ payload: _payload, headers, ...letter }) => ({ ...letter, at: Math.round(letter.at), headers: Object.entries(headers).map(([name, value]) => ({ name, value })) }),
  payloadOf: ({ payload }) => [payload],
  fromWire: ({ topic, partition, offset, group, key, headers, errorCode, errorMessage, tries, at }, payload) => ({
    topic, partition, offset, group, key, headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])), errorCode, errorMessage, tries, at: epochMicros(at), payload,
  }),
  identify: ({ topic, partition, offset, group, at }) => ({ id: `${topic}/${partition}/${offset}/${group}`, at }),
};
