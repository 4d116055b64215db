import type { StreamParameters } from '../messages/stream-parameters.ts';

/** What the functions here need to know of a stream. */
export type UnitLayout = Pick<StreamParameters, 'codec' | 'framing' | 'extradata'>;

const START_CODE = Buffer.from([0, 0, 1]);
const EMPTY = new Uint8Array(0);

/** ITU-T H.264 table 7-1. */
const H264 = { idr: 5, sps: 7, pps: 8 } as const;
/** ITU-T H.265 table 7-1. */
const HEVC = { rasl: [8, 9], blaWithRadl: 17, blaAlone: 18, idr: [19, 20], vps: 32, sps: 33, pps: 34 } as const;

/** Framing of a stream, told from its codec and extradata: avcC and hvcC records begin with version 1, Annex-B sets with a start code. */
export function framingOf(codec: StreamParameters['codec'], extradata: Uint8Array): StreamParameters['framing'] {
  if (codec !== 'h264' && codec !== 'hevc') return 'raw';
  return extradata[0] === 1 && extradata.length >= 7 ? 'length-prefixed' : 'annexb';
}

/** Bytes of a NAL length field (ISO/IEC 14496-15, 5.3.3.1.2 and 8.3.3.1.2: lengthSizeMinusOne). */
export function lengthSizeOf(layout: UnitLayout): number {
  const field = layout.extradata[layout.codec === 'hevc' ? 21 : 4];
  return field === undefined ? 4 : (field & 3) + 1;
}

/**
 * The NAL units of an access unit as views, in order, without start codes, lengths or trailing zero bytes (which no NAL unit may end with,
 * H.264 7.4.1). Nothing is lost of damaged input: what no start code or length explains is a unit of its own.
 */
export function nalUnits(unit: Uint8Array, layout: UnitLayout): readonly Uint8Array[] {
  switch (layout.framing) {
    case 'annexb': return annexbUnits(unit);
    case 'length-prefixed': return lengthPrefixedUnits(unit, lengthSizeOf(layout));
    case 'raw': return layout.codec === 'av1' ? av1Units(unit) : [unit];
  }
}

function annexbUnits(unit: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(unit.buffer, unit.byteOffset, unit.byteLength);
  const units: Uint8Array[] = [];
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(START_CODE, start);
    const end = found < 0 ? bytes.length : found;
    pushTrimmed(units, unit, start, end);
    start = end + START_CODE.length;
  }
  return units;
}

function lengthPrefixedUnits(unit: Uint8Array, lengthSize: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  let at = 0;
  while (at < unit.length) {
    let length = 0;
    for (let byte = 0; byte < lengthSize; byte++) length = length * 256 + (unit[at + byte] ?? 0);
    const start = at + lengthSize;
    const end = start + length;
    if (end > unit.length) {
      pushTrimmed(units, unit, at, unit.length);
      break;
    }
    pushTrimmed(units, unit, start, end);
    at = end;
  }
  return units;
}

function pushTrimmed(units: Uint8Array[], unit: Uint8Array, start: number, end: number): void {
  let last = end;
  while (last > start && unit[last - 1] === 0) last--;
  if (last > start) units.push(unit.subarray(start, last));
}

/** OBU types a muxer may drop or that carry nothing (AV1 specification 6.2.2; AV1-ISOBMFF 2.4): delimiter, redundant header, tile list, padding. */
const AV1_DROPPED: ReadonlySet<number> = new Set([2, 7, 8, 15]);
const AV1_SEQUENCE_HEADER = 1;

/** OBUs with their headers (AV1 specification 5.3), less those that muxers drop. */
function av1Units(unit: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let at = 0;
  while (at < unit.length) {
    const header = unit[at] ?? 0;
    let cursor = at + 1 + ((header >> 2) & 1);
    let size = unit.length - cursor;
    if ((header & 2) !== 0) {
      size = 0;
      for (let byte = 0; byte < 8; byte++) {
        const value = unit[cursor++] ?? 0;
        size += (value & 0x7f) * 2 ** (7 * byte);
        if ((value & 0x80) === 0) break;
      }
    }
    const end = Math.max(at + 1, Math.min(unit.length, cursor + size));
    if (!AV1_DROPPED.has((header >> 3) & 15)) units.push(unit.subarray(at, end));
    at = end;
  }
  return units;
}

/** `nal_unit_type` of H.264 or HEVC, `obu_type` of AV1, -1 for codecs without units. */
export function unitType(codec: StreamParameters['codec'], unit: Uint8Array): number {
  const first = unit[0] ?? 0;
  switch (codec) {
    case 'h264': return first & 31;
    case 'hevc': return (first >> 1) & 63;
    case 'av1': return (first >> 3) & 15;
    case 'vp8': case 'vp9': case 'mjpeg': case 'mpeg4': case 'png': case 'tiff': case 'fff': return -1;
  }
}

/**
 * True when decoding can start at this unit without losing a picture that follows it: an IDR (or a BLA without RASL pictures). A CRA, or an
 * H.264 recovery point, is a key frame of an open GOP: its leading pictures need the GOP before. Codecs without that notion: every key frame.
 */
export function isClosedGopStart(layout: UnitLayout, unit: { readonly data: Uint8Array; readonly isKey: boolean }): boolean {
  if (layout.codec !== 'h264' && layout.codec !== 'hevc') return unit.isKey;
  const types = nalUnits(unit.data, layout).map((nal) => unitType(layout.codec, nal));
  if (layout.codec === 'h264') return types.includes(H264.idr);
  return types.some((type) => type === HEVC.idr[0] || type === HEVC.idr[1] || type === HEVC.blaWithRadl || type === HEVC.blaAlone);
}

/** True for a HEVC picture that can only be decoded with the GOP before its CRA (RASL_N, RASL_R). */
export function isSkippedLeading(layout: UnitLayout, unit: Uint8Array): boolean {
  if (layout.codec !== 'hevc') return false;
  return nalUnits(unit, layout).some((nal) => HEVC.rasl.some((type) => type === unitType('hevc', nal)));
}

function isParameterSet(codec: StreamParameters['codec'], unit: Uint8Array): boolean {
  const type = unitType(codec, unit);
  switch (codec) {
    case 'h264': return type === H264.sps || type === H264.pps;
    case 'hevc': return type === HEVC.vps || type === HEVC.sps || type === HEVC.pps;
    case 'av1': return type === AV1_SEQUENCE_HEADER;
    case 'vp8': case 'vp9': case 'mjpeg': case 'mpeg4': case 'png': case 'tiff': case 'fff': return false;
  }
}

/** SPS, PPS and VPS (AV1: sequence headers) inside an access unit, as views. */
export function inBandParameterSets(unit: Uint8Array, layout: UnitLayout): readonly Uint8Array[] {
  return nalUnits(unit, layout).filter((nal) => isParameterSet(layout.codec, nal));
}

/** SPS, PPS and VPS (AV1: sequence headers) of the extradata: avcC, hvcC (ISO/IEC 14496-15), av1C or Annex B. */
export function extradataParameterSets(layout: UnitLayout): readonly Uint8Array[] {
  const { codec, extradata } = layout;
  if (extradata.length === 0) return [];
  if (codec === 'av1') return av1Units(extradata[0] === 0x81 ? extradata.subarray(4) : extradata).filter((obu) => isParameterSet(codec, obu));
  if (framingOf(codec, extradata) === 'annexb') return annexbUnits(extradata).filter((nal) => isParameterSet(codec, nal));
  return codec === 'h264' ? avccSets(extradata) : codec === 'hevc' ? hvccSets(extradata) : [];
}

function avccSets(record: Uint8Array): Uint8Array[] {
  const sets: Uint8Array[] = [];
  let at = readSets(record, 6, (record[5] ?? 0) & 31, sets);
  at = readSets(record, at + 1, record[at] ?? 0, sets);
  return sets;
}

function hvccSets(record: Uint8Array): Uint8Array[] {
  const sets: Uint8Array[] = [];
  let at = 23;
  for (let array = record[22] ?? 0; array > 0 && at + 3 <= record.length; array--) {
    at = readSets(record, at + 3, (record[at + 1] ?? 0) * 256 + (record[at + 2] ?? 0), sets);
  }
  return sets.filter((set) => isParameterSet('hevc', set));
}

function readSets(record: Uint8Array, from: number, count: number, sets: Uint8Array[]): number {
  let at = from;
  for (let set = 0; set < count && at + 2 <= record.length; set++) {
    const length = (record[at] ?? 0) * 256 + (record[at + 1] ?? 0);
    pushTrimmed(sets, record, at + 2, Math.min(record.length, at + 2 + length));
    at += 2 + length;
  }
  return at;
}

/** True when the unit brings a parameter set that the stream's parameters do not hold: the stream changed, a new chunk must begin. */
export function parameterSetsDiffer(layout: UnitLayout, unit: Uint8Array): boolean {
  if (layout.framing === 'raw' && layout.codec !== 'av1') return false;
  const inBand = inBandParameterSets(unit, layout);
  if (inBand.length === 0) return false;
  const known = extradataParameterSets(layout);
  return inBand.some((set) => !known.some((other) => Buffer.compare(set, other) === 0));
}

/** Annex-B extradata made of parameter sets; AV1 sequence headers are joined as they are. Empty when there are none. */
export function joinParameterSets(codec: StreamParameters['codec'], sets: readonly Uint8Array[]): Uint8Array {
  if (sets.length === 0) return EMPTY;
  return codec === 'av1' ? new Uint8Array(Buffer.concat(sets)) : annexB(sets);
}

/** Four bytes, as encoders put before the NAL units of a picture. */
export const LONG_START_CODE = Uint8Array.of(0, 0, 0, 1);

/** NAL units as a byte stream (ITU-T H.264 and H.265, annex B), each behind a start code of four bytes. */
export function annexB(nals: readonly Uint8Array[]): Uint8Array {
  const stream = new Uint8Array(nals.reduce((bytes, nal) => bytes + LONG_START_CODE.length + nal.byteLength, 0));
  let at = 0;
  for (const nal of nals) {
    stream.set(LONG_START_CODE, at);
    stream.set(nal, at + LONG_START_CODE.length);
    at += LONG_START_CODE.length + nal.byteLength;
  }
  return stream;
}
