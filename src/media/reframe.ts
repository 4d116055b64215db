import { annexB, lengthSizeOf, LONG_START_CODE, nalUnits, type UnitLayout } from './nal.ts';

/**
 * An access unit of a chunk file in the framing of the stream it was recorded from, so that one decoder takes both. Units whose framing is
 * the same are returned as they are. Length fields of 4 bytes become start codes in place: the unit must be the caller's own.
 */
export function reframe(unit: Uint8Array, file: UnitLayout, source: UnitLayout): Uint8Array {
  if (file.framing !== 'length-prefixed' || source.framing !== 'annexb') return unit;
  if (lengthSizeOf(file) !== LONG_START_CODE.length) return annexB(nalUnits(unit, file));
  const view = new DataView(unit.buffer, unit.byteOffset, unit.byteLength);
  for (let at = 0; at + LONG_START_CODE.length <= unit.length;) {
    const length = view.getUint32(at);
    unit.set(LONG_START_CODE, at);
    at += LONG_START_CODE.length + length;
  }
  return unit;
}
