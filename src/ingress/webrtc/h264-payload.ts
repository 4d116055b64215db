import { annexB } from '../../media/nal.ts';
import type { JoinedPicture, PayloadFormat } from './payload-format.ts';

/** Packet types besides single NAL units (RFC 6184, table 1). The others are of interleaved mode, which is never offered to senders. */
const STAP_A = 24;
const FU_A = 28;
/** NAL unit types (ITU-T H.264, table 7-1). */
const LAST_SLICE = 5;
const IDR = 5;
const SPS = 7;
const DELIMITER = 9;
/** Most bytes of parameter sets and the like that are kept for the picture they belong to. */
const KEPT_MAX_BYTES = 64 * 1024;

/** H.264 in RTP (RFC 6184): single NAL units, STAP-A and FU-A, to Annex B with every NAL unit as it was sent. */
export function h264Payload(): PayloadFormat {
  let kept: readonly Uint8Array[] = [];
  return {
    beginsPicture(payload) {
      const type = (payload[0] ?? 0) & 31;
      const first = type === STAP_A ? (payload[3] ?? 0) & 31 : type;
      return first === SPS || first === DELIMITER;
    },
    join(payloads) {
      const units = unitsOf(payloads);
      if (units === undefined) return 'damaged';
      const all = [...kept, ...units];
      kept = [];
      if (all.some((unit) => isSlice(unit))) return joined(all);
      if (all.reduce((bytes, unit) => bytes + unit.byteLength, 0) > KEPT_MAX_BYTES) return 'damaged';
      kept = all;
      return 'none';
    },
    forget() { kept = []; },
  };
}

function isSlice(unit: Uint8Array): boolean {
  const type = (unit[0] ?? 0) & 31;
  return type >= 1 && type <= LAST_SLICE;
}

function joined(units: readonly Uint8Array[]): JoinedPicture {
  return { data: annexB(units), isKey: units.some((unit) => ((unit[0] ?? 0) & 31) === IDR) };
}

/** The NAL units of a picture; undefined when a payload is cut short, or fragments do not fit together. */
function unitsOf(payloads: readonly Uint8Array[]): Uint8Array[] | undefined {
  const units: Uint8Array[] = [];
  let fragments: Uint8Array[] = [];
  for (const payload of payloads) {
    const type = (payload[0] ?? 0) & 31;
    if (type !== FU_A && fragments.length > 0) return undefined;
    if (type >= 1 && type < STAP_A) units.push(payload);
    else if (type === STAP_A) {
      if (!pushAggregated(units, payload)) return undefined;
    } else if (type === FU_A) {
      const header = payload[1] ?? 0;
      const isStart = (header & 0x80) !== 0;
      if (payload.length < 3 || isStart !== (fragments.length === 0)) return undefined;
      if (isStart) fragments.push(Uint8Array.of(((payload[0] ?? 0) & 0xe0) | (header & 31)));
      fragments.push(payload.subarray(2));
      if ((header & 0x40) !== 0) {
        units.push(new Uint8Array(Buffer.concat(fragments)));
        fragments = [];
      }
    } else return undefined;
  }
  return fragments.length > 0 ? undefined : units;
}

/** STAP-A (section 5.7.1): 16-bit sizes, each before its NAL unit. */
function pushAggregated(units: Uint8Array[], payload: Uint8Array): boolean {
  let at = 1;
  while (at < payload.length) {
    const size = (payload[at] ?? 0) * 256 + (payload[at + 1] ?? 0);
    const end = at + 2 + size;
    if (size === 0 || end > payload.length) return false;
    units.push(payload.subarray(at + 2, end));
    at = end;
  }
  return payload.length > 1;
}
