import { isSlice, joinNalUnits, nalType, nalUnits } from './nal-units.ts';
import type { NalCodec, NalFraming } from './nal-units.ts';

/** Marks our SEI messages among those of encoders (H.264 D.1.7 user_data_unregistered, `uuid_iso_iec_11578`). */
const UUID = Uint8Array.from([0x76, 0x74, 0x6f, 0x2d, 0x66, 0x72, 0x61, 0x6d, 0x65, 0x2d, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x21]);
const USER_DATA_UNREGISTERED = 5;
const PAYLOAD_SIZE = UUID.length + 8;

/** A copy of an Annex B access unit with `counter` as an SEI NAL unit before its first slice; pictures decode as before. */
export function stamp(unit: Uint8Array, counter: number, codec: NalCodec = 'h264'): Uint8Array {
  const nals = nalUnits(unit);
  const slice = nals.findIndex((nal) => isSlice(nal, codec));
  nals.splice(slice < 0 ? nals.length : slice, 0, seiOf(counter, codec));
  return joinNalUnits(nals);
}

/** The counter that `stamp` put into an access unit; null when there is none. */
export function readCounter(unit: Uint8Array, framing: NalFraming = 'annexb', codec: NalCodec = 'h264'): number | null {
  for (const nal of nalUnits(unit, framing)) {
    if (nalType(nal, codec) !== (codec === 'h264' ? 6 : 39)) continue;
    const counter = counterOf(unescape(nal.subarray(codec === 'h264' ? 1 : 2)));
    if (counter !== null) return counter;
  }
  return null;
}

function seiOf(counter: number, codec: NalCodec): Uint8Array {
  const payload = new Uint8Array(2 + PAYLOAD_SIZE + 1);
  payload.set([USER_DATA_UNREGISTERED, PAYLOAD_SIZE]);
  payload.set(UUID, 2);
  new DataView(payload.buffer).setBigUint64(2 + UUID.length, BigInt(counter));
  payload[payload.length - 1] = 0x80; // rbsp_trailing_bits
  const header = codec === 'h264' ? [6] : [39 << 1, 1];
  return Uint8Array.from([...header, ...escape(payload)]);
}

/** Looks through all messages of one SEI, as encoders may put several into one NAL unit. */
function counterOf(sei: Uint8Array): number | null {
  let at = 0;
  while (at + 2 < sei.length) {
    let type = 0;
    let size = 0;
    while (sei[at] === 0xff) { type += 255; at++; }
    type += sei[at++] ?? 0;
    while (sei[at] === 0xff) { size += 255; at++; }
    size += sei[at++] ?? 0;
    const payload = sei.subarray(at, at + size);
    if (type === USER_DATA_UNREGISTERED && size === PAYLOAD_SIZE && UUID.every((byte, index) => payload[index] === byte)) {
      return Number(new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getBigUint64(UUID.length));
    }
    at += size;
  }
  return null;
}

/** Inserts emulation prevention bytes (H.264 7.4.1.1). */
function escape(payload: Uint8Array): number[] {
  const escaped: number[] = [];
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) { escaped.push(3); zeros = 0; }
    escaped.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return escaped;
}

function unescape(bytes: Uint8Array): Uint8Array {
  const plain: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) { zeros = 0; continue; }
    plain.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(plain);
}
