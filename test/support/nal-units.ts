/** Codecs whose access units consist of NAL units. */
export type NalCodec = 'h264' | 'hevc';

/** How NAL units are laid out within an access unit. */
export type NalFraming = 'annexb' | 'length-prefixed';

/** The NAL units (without start codes or lengths) of an access unit; views, not copies. Lengths are 4 bytes. */
export function nalUnits(unit: Uint8Array, framing: NalFraming = 'annexb'): Uint8Array[] {
  return framing === 'annexb' ? annexbUnits(unit) : prefixedUnits(unit);
}

/** One access unit of the given NAL units. */
export function joinNalUnits(nals: readonly Uint8Array[], framing: NalFraming = 'annexb'): Uint8Array {
  const joined = new Uint8Array(nals.reduce((total, nal) => total + 4 + nal.length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const nal of nals) {
    view.setUint32(at, framing === 'annexb' ? 1 : nal.length);
    joined.set(nal, at + 4);
    at += 4 + nal.length;
  }
  return joined;
}

/** `nal_unit_type` (H.264 7.3.1, H.265 7.3.1.2). */
export function nalType(nal: Uint8Array, codec: NalCodec): number {
  const first = nal[0] ?? 0;
  return codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
}

/** True for the slices of a picture, false for parameter sets, SEI and delimiters. */
export function isSlice(nal: Uint8Array, codec: NalCodec): boolean {
  const type = nalType(nal, codec);
  return codec === 'h264' ? type >= 1 && type <= 5 : type <= 31;
}

/** True for VPS, SPS and PPS. */
export function isParameterSet(nal: Uint8Array, codec: NalCodec): boolean {
  const type = nalType(nal, codec);
  return codec === 'h264' ? type === 7 || type === 8 : type >= 32 && type <= 34;
}

function annexbUnits(unit: Uint8Array): Uint8Array[] {
  const nals: Uint8Array[] = [];
  let start = -1;
  for (let at = 0; at + 2 < unit.length; at++) {
    if (unit[at] !== 0 || unit[at + 1] !== 0 || unit[at + 2] !== 1) continue;
    if (start >= 0) nals.push(withoutTrailingZeros(unit.subarray(start, at)));
    start = at + 3;
    at += 2;
  }
  if (start >= 0) nals.push(unit.subarray(start));
  return nals.filter((nal) => nal.length > 0);
}

function withoutTrailingZeros(nal: Uint8Array): Uint8Array {
  let end = nal.length;
  while (end > 0 && nal[end - 1] === 0) end--;
  return nal.subarray(0, end);
}

function prefixedUnits(unit: Uint8Array): Uint8Array[] {
  const view = new DataView(unit.buffer, unit.byteOffset, unit.byteLength);
  const nals: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= unit.length) {
    const length = view.getUint32(at);
    nals.push(unit.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return nals;
}
