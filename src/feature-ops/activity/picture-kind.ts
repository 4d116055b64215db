import { lengthSizeOf } from '../../media/nal.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';

/**
 * What a coded picture is, as far as its size depends on it: pictures of one kind of a still scene have nearly the same size. Pictures that
 * others refer to are coded better than those that none does, so they are kinds of their own; this also tells the levels of a B-pyramid apart.
 */
export const PICTURE_KINDS = ['key', 'intra', 'p', 'p-unused', 'b', 'b-unused', 'other'] as const;

/** Name of a kind of pictures. */
export type PictureKind = typeof PICTURE_KINDS[number];

/** What is read of a stream once. */
type Layout = Pick<StreamParameters, 'codec' | 'framing' | 'extradata'>;

/** Tells the kind of an access unit from the first bytes of its first slice. */
export type KindReader = (unit: { readonly data: Uint8Array; readonly isKey: boolean }) => PictureKind;

/** ITU-T H.264, table 7-6, modulo 5: P, B, I, SP, SI. */
const H264_SLICES = ['p', 'b', 'intra', 'p', 'intra'] as const;
/** ITU-T H.265, table 7-7. */
const HEVC_SLICES = ['b', 'p', 'intra'] as const;
/** More parameter sets and messages than this stand before no slice. */
const UNITS_MAX = 24;
/** Of a slice header, enough for every field up to its type. */
const HEADER_BYTES = 16;

/** A reader for a stream: slices of H.264 and H.265 are looked at, of other codecs the key flag alone. Costs less than a microsecond a picture. */
export function kindReader(layout: Layout): KindReader {
  switch (layout.codec) {
    case 'h264': return reading(layout, h264Kind);
    case 'hevc': {
      const extraBits = hevcExtraBits(layout);
      return reading(layout, (data, at) => hevcKind(data, at, extraBits));
    }
    case 'av1': case 'vp8': case 'vp9': case 'mjpeg': case 'mpeg4': case 'png': case 'tiff': case 'fff': return ({ isKey }) => (isKey ? 'key' : 'other');
  }
}

/** `kindAt` is given each NAL unit until it knows one; undefined: no slice. */
function reading(layout: Layout, kindAt: (data: Uint8Array, at: number) => PictureKind | undefined): KindReader {
  const next = layout.framing === 'annexb' ? annexbWalk : lengthWalk(lengthSizeOf(layout));
  return ({ data, isKey }) => {
    if (isKey) return 'key';
    let found: PictureKind = 'other';
    next(data, at => {
      const kind = kindAt(data, at);
      if (kind !== undefined) found = kind;
      return kind === undefined;
    });
    return found;
  };
}

type Visit = (at: number) => boolean;

/** Start codes (H.264 and H.265, annex B). A slice comes first or after small units, so little is searched. */
function annexbWalk(data: Uint8Array, visit: Visit): void {
  let zeros = 0;
  for (let at = 0, units = 0; at < data.length && units < UNITS_MAX; at += 1) {
    const byte = data[at];
    if (byte === 1 && zeros >= 2) {
      units += 1;
      if (!visit(at + 1)) return;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
  }
}

function lengthWalk(lengthSize: number): (data: Uint8Array, visit: Visit) => void {
  return (data, visit) => {
    for (let at = 0, units = 0; at + lengthSize < data.length && units < UNITS_MAX; units += 1) {
      let length = 0;
      for (let byte = 0; byte < lengthSize; byte += 1) length = length * 256 + (data[at + byte] ?? 0);
      if (!visit(at + lengthSize)) return;
      at += lengthSize + length;
    }
  };
}

/** ITU-T H.264, 7.3.1 and 7.3.3: slices are units 1 (and 2, the first partition) and 5. */
function h264Kind(data: Uint8Array, at: number): PictureKind | undefined {
  const header = data[at] ?? 0;
  const type = header & 31;
  if (type === 5) return 'key';
  if (type !== 1 && type !== 2) return undefined;
  const bits = new Bits(data, at + 1);
  bits.unsigned(); // first_mb_in_slice
  return withUse(H264_SLICES[bits.unsigned() % 5] ?? 'other', (header & 0x60) !== 0);
}

/** ITU-T H.265, 7.3.1.2 and 7.3.6.1: slices are units 0 to 31; up to 15 even types are of pictures that none refers to. */
function hevcKind(data: Uint8Array, at: number, extraBits: number): PictureKind | undefined {
  const type = ((data[at] ?? 0) >> 1) & 63;
  if (type > 31) return undefined;
  if (type >= 16) return 'key';
  const bits = new Bits(data, at + 2);
  if (bits.take(1) === 0) return undefined; // not the first slice segment: damaged, or another unit's
  bits.unsigned(); // slice_pic_parameter_set_id
  bits.take(extraBits);
  return withUse(HEVC_SLICES[bits.unsigned()] ?? 'other', (type & 1) === 1);
}

function withUse(kind: 'p' | 'b' | 'intra' | 'other', isUsed: boolean): PictureKind {
  return isUsed || kind === 'intra' || kind === 'other' ? kind : `${kind}-unused`;
}

/** `num_extra_slice_header_bits` of the first picture parameter set of the extradata (H.265, 7.3.2.3.1); 0 where there is none. */
function hevcExtraBits({ extradata }: Layout): number {
  for (let at = 0; at + 6 < extradata.length; at += 1) {
    // A PPS behind a start code or a length: its header byte is 0x44, layer 0, temporal id 0.
    if (extradata[at] !== 0x44 || extradata[at + 1] !== 0x01) continue;
    const bits = new Bits(extradata, at + 2);
    bits.unsigned(); // pps_pic_parameter_set_id
    bits.unsigned(); // pps_seq_parameter_set_id
    bits.take(2); // dependent_slice_segments_enabled_flag, output_flag_present_flag
    return bits.take(3);
  }
  return 0;
}

/** Reads bits behind a position, without the bytes that prevent start codes (H.264, 7.4.1). */
class Bits {
  readonly #bytes: number[] = [];
  #bit = 0;

  constructor(data: Uint8Array, from: number) {
    let zeros = 0;
    for (let at = from; at < data.length && this.#bytes.length < HEADER_BYTES; at += 1) {
      const byte = data[at] ?? 0;
      if (zeros >= 2 && byte === 3) { zeros = 0; continue; }
      zeros = byte === 0 ? zeros + 1 : 0;
      this.#bytes.push(byte);
    }
  }

  take(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      value = value * 2 + (((this.#bytes[this.#bit >> 3] ?? 0) >> (7 - (this.#bit & 7))) & 1);
      this.#bit += 1;
    }
    return value;
  }

  /** Exp-Golomb (H.264, 9.1); damaged headers give some number. */
  unsigned(): number {
    let zeros = 0;
    while (zeros < 32 && this.#bit < this.#bytes.length * 8 && this.take(1) === 0) zeros += 1;
    return 2 ** zeros - 1 + this.take(zeros);
  }
}
