import { lengthSizeOf, nalUnits, type UnitLayout } from './nal.ts';

const START_CODE = Uint8Array.of(0, 0, 0, 1);

/**
 * An access unit of a chunk file in the framing of the stream it was recorded from, so that one decoder takes both. Units whose framing is
 * the same are returned as they are. Length fields of 4 bytes become start codes in place: the unit must be the caller's own.
 */
export function reframe(unit: Uint8Array, file: UnitLayout, source: UnitLayout): Uint8Array {
  if (file.framing !== 'length-prefixed' || source.framing !== 'annexb') return unit;
  if (lengthSizeOf(file) !== START_CODE.length) return joined(unit, file);
  const view = new DataView(unit.buffer, unit.byteOffset, unit.byteLength);
  for (let at = 0; at + START_CODE.length <= unit.length;) {
    const length = view.getUint32(at);
    unit.set(START_CODE, at);
    at += START_CODE.length + length;
  }
  return unit;
}

function joined(unit: Uint8Array, file: UnitLayout): Uint8Array {
  return new Uint8Array(Buffer.concat(nalUnits(unit, file).flatMap((nal) => [START_CODE, nal])));
}
