import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { packageRoot } from '../engine/package-root.ts';

/** Reads `schemas/avro/<name>.avsc`. */
export function avroSchema(name: string): avro.Schema {
  return JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'avro', `${name}.avsc`), 'utf8')) as avro.Schema; // a file of this package, compiled by avsc right after
}
