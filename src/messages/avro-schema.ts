import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { packageRoot } from '../engine/package-root.ts';

/** Folder of the schemas: `<topic>.avsc`, and `history/<topic>/<version>.avsc`. */
export function schemaFolder(): string {
  return join(packageRoot(), 'schemas', 'avro');
}

/** Reads `schemas/avro/<name>.avsc`: a record. */
export function avroSchema(name: string): avro.schema.RecordType {
  return JSON.parse(readFileSync(join(schemaFolder(), `${name}.avsc`), 'utf8')) as avro.schema.RecordType; // a file of this package, compiled by avsc right after
}

/** The part of avsc's reading position that its own type definitions leave out. */
interface Tap { pos: number; readonly buf: Uint8Array; readLong(): number; skipLong(): void }

/** What every avsc type has, beyond its own type definitions. */
interface ItemType { _read(tap: Tap): unknown; _skip(tap: Tap): void }

/**
 * Compiles a schema. Unlike avsc's own, its arrays do not believe a count that the bytes cannot hold: four damaged bytes would keep a
 * process busy, and its memory filling, for minutes. Maps, which no schema of ours has, are refused for the same reason.
 * @throws Error when it is no schema
 */
export function compileAvro(schema: avro.Schema): avro.Type {
  return avro.Type.forSchema(schema, {
    typeHook: (part, options) => {
      if (typeof part !== 'object' || !('type' in part)) return undefined;
      if (part.type === 'map') throw new TypeError('maps are not read');
      return part.type === 'array' ? new BoundedArray(part, options) : undefined;
    },
  });
}

class BoundedArray extends avro.types.ArrayType {
  /** Blocks of `count items`, a negative count followed by the block's size (Avro 1.11, Arrays). */
  _read(tap: Tap): unknown[] {
    const items = this.itemsType as unknown as ItemType;
    const read: unknown[] = [];
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) tap.skipLong();
      for (let left = Math.abs(count); left > 0; left -= 1) {
        const { pos } = tap;
        read.push(items._read(tap));
        checkAdvance(tap, pos, count);
      }
    }
    return read;
  }

  /** As `_read`; a block's stated size is not believed either. */
  _skip(tap: Tap): void {
    const items = this.itemsType as unknown as ItemType;
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) tap.skipLong();
      for (let left = Math.abs(count); left > 0; left -= 1) {
        const { pos } = tap;
        items._skip(tap);
        checkAdvance(tap, pos, count);
      }
    }
  }
}

/** An item must take at least one byte, and end within them. */
function checkAdvance(tap: Tap, from: number, count: number): void {
  if (tap.pos <= from || tap.pos > tap.buf.length) throw new RangeError(`an array of ${count} items ends with the bytes`);
}
