import type { StreamParameters } from '../messages/stream-parameters.ts';
import { box, boxes, characters, findBox, fullBox, u16, u32 } from './iso-boxes.ts';
import { readSampleDescription } from './sample-entry.ts';

/** Fragmented MP4 of one video track, one access unit a fragment (ISO/IEC 14496-12, 8.8; brands of annex E). */

const TRACK = 1;
const IDENTITY_MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const KEY_SAMPLE = 0x02000000;
const DEPENDENT_SAMPLE = 0x01010000;
const UNIX_TO_NTP_SECONDS = 2_208_988_800;

/** What the header of a chunk file says. */
export interface ChunkHeader {
  readonly parameters: StreamParameters;
  /** Added to the source's times, so that the decode times of a file begin at 0, as players expect. In ticks. */
  readonly shift: number;
}

/** Begins the box of ours that keeps the shift: a `uuid` box (section 4.2), which other readers pass over. */
const SHIFT_ID = Buffer.from('9f1b5a0c3d6e4b7f8a21c4d05e7713ab', 'hex');

/** Ticks of one time unit: container times are `timestamp * num` at `den` ticks a second. */
export function ticksOf(timestamp: number, parameters: StreamParameters): number {
  return timestamp * parameters.timeBase.num;
}

/** `ftyp` and `moov`. The presentation begins `start.compositionOffset` ticks after the first decode time. */
export function encodeHeader(
  parameters: StreamParameters, description: { readonly stsd: Buffer; readonly width: number; readonly height: number }, start: { readonly shift: number; readonly compositionOffset: number },
): Buffer {
  const timescale = parameters.timeBase.den;
  const frameTicks = parameters.frameRate > 0 ? Math.round(timescale / parameters.frameRate) : 0;
  const stbl = box('stbl', description.stsd, fullBox('stts', 0, 0, u32(0)), fullBox('stsc', 0, 0, u32(0)), fullBox('stsz', 0, 0, u32(0, 0)), fullBox('stco', 0, 0, u32(0)));
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  const minf = box('minf', fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)), dinf, stbl);
  const mdhd = fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(0x55c4, 0)); // language 'und'
  const hdlr = fullBox('hdlr', 0, 0, u32(0), characters('vide'), u32(0, 0, 0), characters('video\0'));
  const tkhd = fullBox('tkhd', 0, 3, u32(0, 0, TRACK, 0, 0, 0, 0), u16(0, 0, 0, 0), IDENTITY_MATRIX, u32(description.width * 0x10000, description.height * 0x10000));
  const edts = start.compositionOffset <= 0 ? [] : [box('edts', fullBox('elst', 1, 0, u32(1), i64(0), i64(start.compositionOffset), u16(1, 0)))];
  const trak = box('trak', tkhd, ...edts, box('mdia', mdhd, hdlr, minf));
  const mvhd = fullBox('mvhd', 0, 0, u32(0, 0, timescale, 0, 0x10000), u16(0x100, 0), u32(0, 0), IDENTITY_MATRIX, u32(0, 0, 0, 0, 0, 0, TRACK + 1));
  const mvex = box('mvex', fullBox('trex', 0, 0, u32(TRACK, 1, frameTicks, 0, 0)));
  return Buffer.concat([box('ftyp', characters('iso6'), u32(1), characters('iso6mp41')), box('moov', mvhd, trak, mvex, box('uuid', SHIFT_ID, i64(start.shift)))]);
}

function i64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

/** Reads `ftyp` and `moov`; undefined when they are not a chunk header of ours. */
export function decodeHeader(bytes: Buffer): ChunkHeader | undefined {
  const moov = findBox(bytes, 'moov');
  const mdia = moov === undefined ? undefined : findBox(moov, 'trak', 'mdia');
  const stsd = mdia === undefined ? undefined : findBox(mdia, 'minf', 'stbl', 'stsd');
  const description = stsd === undefined ? undefined : readSampleDescription(stsd);
  const timescale = mdia === undefined ? 0 : findBox(mdia, 'mdhd')?.readUInt32BE(12) ?? 0;
  if (moov === undefined || description === undefined || timescale === 0) return undefined;
  const frameTicks = findBox(moov, 'mvex', 'trex')?.readUInt32BE(12) ?? 0;
  const { lengthSize: _, ...layout } = description;
  return {
    parameters: { ...layout, timeBase: { num: 1, den: timescale }, frameRate: frameTicks === 0 ? 0 : timescale / frameTicks },
    shift: readShift(moov),
  };
}

function readShift(moov: Buffer): number {
  const payload = findBox(moov, 'uuid');
  return payload?.length === SHIFT_ID.length + 8 && payload.subarray(0, SHIFT_ID.length).equals(SHIFT_ID) ? Number(payload.readBigInt64BE(SHIFT_ID.length)) : 0;
}

/** One access unit as the container sees it; times in ticks, shifted to be at least 0. */
export interface Fragment {
  readonly sequence: number;
  readonly decodeTicks: number;
  readonly compositionOffset: number;
  readonly duration: number;
  readonly sizeBytes: number;
  readonly isKey: boolean;
  /** Wall clock of capture, Unix microseconds; null leaves the box out. */
  readonly capturedMicros: number | null;
}

const PRFT_BYTES = 32;
const MOOF_BYTES = 104;
/** `tfhd` flag default-base-is-moof; `trun` flags data-offset, sample-duration, -size, -flags, -composition-time-offset. */
const TFHD_FLAGS = 0x020000;
const TRUN_FLAGS = 0x000f01;

/** `prft` (when the capture time is known), `moof` and the head of `mdat`, in one buffer, before the unit's bytes. */
export function encodeFragmentHead(fragment: Fragment): Buffer {
  const start = fragment.capturedMicros === null ? 0 : PRFT_BYTES;
  const head = Buffer.allocUnsafe(start + MOOF_BYTES + 8);
  if (fragment.capturedMicros !== null) writeProducerTime(head, fragment, fragment.capturedMicros);
  let at = start;
  const word = (...values: readonly number[]): void => { for (const value of values) at = head.writeUInt32BE(value, at); };
  const start4cc = (size: number, type: string): void => { at = head.writeUInt32BE(size, at); at += head.write(type, at, 'latin1'); };
  start4cc(MOOF_BYTES, 'moof');
  start4cc(16, 'mfhd'); word(0, fragment.sequence);
  start4cc(MOOF_BYTES - 24, 'traf');
  start4cc(16, 'tfhd'); word(TFHD_FLAGS, TRACK);
  start4cc(20, 'tfdt'); word(0x01000000);
  at = head.writeBigUInt64BE(BigInt(fragment.decodeTicks), at);
  start4cc(36, 'trun'); word(0x01000000 + TRUN_FLAGS, 1, MOOF_BYTES + 8, fragment.duration, fragment.sizeBytes, fragment.isKey ? KEY_SAMPLE : DEPENDENT_SAMPLE);
  at = head.writeInt32BE(fragment.compositionOffset, at);
  start4cc(fragment.sizeBytes + 8, 'mdat');
  return head;
}

/** ProducerReferenceTimeBox (section 8.16.5), version 1, flag 24: time of capture. */
function writeProducerTime(head: Buffer, fragment: Fragment, micros: number): void {
  const seconds = Math.floor(micros / 1e6);
  head.writeUInt32BE(PRFT_BYTES, 0);
  head.write('prft', 4, 'latin1');
  head.writeUInt32BE(0x01000018, 8);
  head.writeUInt32BE(TRACK, 12);
  head.writeUInt32BE((seconds + UNIX_TO_NTP_SECONDS) % 2 ** 32, 16);
  head.writeUInt32BE(Math.round((micros - seconds * 1e6) * 2 ** 32 / 1e6), 20);
  head.writeBigUInt64BE(BigInt(fragment.decodeTicks), 24);
}

/** Unix microseconds of a `prft` payload. NTP seconds below 2^31 belong to the era that begins in 2036 (RFC 4330, 3). */
export function producerMicros(payload: Buffer): number {
  const seconds = payload.readUInt32BE(8);
  const unix = seconds + (seconds < 2 ** 31 ? 2 ** 32 : 0) - UNIX_TO_NTP_SECONDS;
  return unix * 1e6 + Math.round(payload.readUInt32BE(12) * 1e6 / 2 ** 32);
}

/** Reads a `moof` payload of ours; undefined when it is damaged or another writer's. */
export function decodeFragment(moof: Buffer): Fragment | undefined {
  const [mfhd, traf] = [...boxes(moof)];
  if (mfhd?.type !== 'mfhd' || traf?.type !== 'traf' || moof.length !== MOOF_BYTES - 8) return undefined;
  const tfdt = findBox(traf.payload, 'tfdt');
  const trun = findBox(traf.payload, 'trun');
  if (tfdt?.length !== 12 || trun?.length !== 28 || trun.readUInt32BE(0) !== 0x01000000 + TRUN_FLAGS || trun.readUInt32BE(4) !== 1) return undefined;
  return {
    sequence: mfhd.payload.readUInt32BE(4), decodeTicks: Number(tfdt.readBigUInt64BE(4)),
    duration: trun.readUInt32BE(12), sizeBytes: trun.readUInt32BE(16), isKey: trun.readUInt32BE(20) === KEY_SAMPLE,
    compositionOffset: trun.readInt32BE(24), capturedMicros: null,
  };
}
