import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type avro from 'avsc';
import { schemaFolder } from './avro-schema.ts';
import type { WIRE_FORMATS } from './generated/wire.ts';

/** Name of a topic, without the installation's prefix. */
export type TopicName = keyof typeof WIRE_FORMATS;

/** A schema as it was published. */
export interface SchemaVersion {
  /** Counts the schemas of the topic from 1. */
  readonly version: number;
  /** Id that its records carry where no Schema Registry gives them another. */
  readonly id: number;
  /** Text of the file. */
  readonly text: string;
  readonly schema: avro.schema.RecordType;
}

const histories = new Map<TopicName, readonly SchemaVersion[]>();

/** Every schema that records of a topic were ever written with, oldest first; the last is the current one. */
export function schemaHistory(topic: TopicName): readonly SchemaVersion[] {
  const known = histories.get(topic);
  if (known) return known;
  const folder = join(schemaFolder(), 'history', topic);
  const numbers = readdirSync(folder).flatMap((name) => Number(/^(\d+)\.avsc$/.exec(name)?.[1] ?? [])).sort((a, b) => a - b);
  const versions = numbers.map((version) => {
    const text = readFileSync(join(folder, `${version}.avsc`), 'utf8');
    return { version, id: fixedSchemaId(text), text, schema: JSON.parse(text) as avro.schema.RecordType }; // a file of this package
  });
  histories.set(topic, versions);
  return versions;
}

/**
 * What a schema says to a program, as one text: Avro's canonical form, but with defaults and logical types, which readers see; comments,
 * order of the keys and spaces make no difference.
 */
export function canonicalSchema(text: string): string {
  return JSON.stringify(JSON.parse(text), (_key, value: unknown) => (typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'doc').sort(([a], [b]) => (a < b ? -1 : 1)))
    : value));
}

const ID_BITS = 30;

/** Id of a schema, the same everywhere: 30 bits of the SHA-256 of its canonical text, above the small numbers that a Schema Registry counts up from. */
export function fixedSchemaId(text: string): number {
  const digest = createHash('sha256').update(canonicalSchema(text)).digest().readUInt32BE(0);
  return 2 ** ID_BITS + (digest % 2 ** ID_BITS);
}
