import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';

/** The greatest difference of two arrays of one length; NaN counts as infinite. */
export function distance(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.is(found.length, wanted.length);
  let greatest = 0;
  for (let index = 0; index < found.length; index++) {
    const difference = Math.abs(found[index]! - wanted[index]!);
    if (!(difference <= greatest)) greatest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return greatest;
}

/** Numbers of a NumPy file of float64 (format 1.0: magic, version, header length, header). */
export function readNpy(path: string): Float64Array {
  const bytes = readFileSync(path);
  const header = bytes.subarray(10, 10 + bytes.readUInt16LE(8)).toString('latin1');
  assert.match(header, /'descr': '<f8', 'fortran_order': False/);
  return new Float64Array(Uint8Array.prototype.slice.call(bytes, 10 + bytes.readUInt16LE(8)).buffer);
}
