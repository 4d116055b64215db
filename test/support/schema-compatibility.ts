import type avro from 'avsc';
import { compileAvro } from '../../src/messages/avro-schema.ts';

/** What keeps two schemas of a topic from reading each other's records, both ways; a payload must stay the last field. */
export function fullTransitiveBreaks(current: avro.schema.RecordType, earlier: avro.schema.RecordType): readonly string[] {
  const breaks = [breakOf(current, earlier, 'current reads earlier'), breakOf(earlier, current, 'earlier reads current')];
  if ((earlier.fields.at(-1)?.name === 'payload') !== (current.fields.at(-1)?.name === 'payload')) breaks.push('payload is not the last field of both');
  return breaks.filter((text) => text !== undefined);
}

function breakOf(reader: avro.schema.RecordType, writer: avro.schema.RecordType, way: string): string | undefined {
  try {
    compileAvro(reader).createResolver(compileAvro(writer));
    return undefined;
  } catch (error) {
    return `${way}: ${(error as Error).message}`;
  }
}
