import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { packageRoot } from '../engine/package-root.ts';

/** Reads `schemas/avro/<name>.avsc`. */
export function avroSchema(name: string): avro.Schema {
  return JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'avro', `${name}.avsc`), 'utf8')) as avro.Schema; // a file of this package, compiled by avsc right after
}

/** The part of avsc's reading position that its own type definitions leave out. */
interface Tap { readonly pos: number; readonly buf: Uint8Array; readLong(): number; skipLong(): void }

/**
 * Compiles a schema. Unlike avsc's own, its arrays do not believe a count that the bytes cannot hold: four damaged bytes would keep a
 * process busy, and its memory filling, for minutes.
 */
export function compileAvro(schema: avro.Schema): avro.Type {
  return avro.Type.forSchema(schema, {
    typeHook: (part, options) => (typeof part === 'object' && 'type' in part && part.type === 'array' ? new BoundedArray(part, options) : undefined),
  });
}

class BoundedArray extends avro.types.ArrayType {
  /** Blocks of `count items`, a negative count followed by the block's size (Avro 1.11, Arrays); every item of ours takes a byte at least. */
  _read(tap: Tap): unknown[] {
    const items = this.itemsType as unknown as { _read(tap: Tap): unknown }; // every avsc type has it
    const read: unknown[] = [];
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) tap.skipLong();
      for (let left = Math.abs(count); left > 0; left -= 1) {
        if (tap.pos >= tap.buf.length) throw new RangeError(`an array of ${count} items ends with the bytes`);
        read.push(items._read(tap));
      }
    }
    return read;
  }
}
