import { randomBytes } from 'node:crypto';
import { isParameterSet, nalType, nalUnits } from './nal-units.ts';
import type { NalCodec } from './nal-units.ts';

const PAYLOAD_TYPE = 96;
const MTU = 1400;

/** RTP ticks per second for video (RFC 6184, section 5.1). */
export const RTP_CLOCK_HZ = 90_000;

/** Seconds between the NTP epoch (1900) and the Unix epoch (RFC 5905, figure 4). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;

/** One RTP stream to one client: numbers packets and counts for its sender reports. */
export interface RtpStream {
  /** RTP packets of one access unit (RFC 6184, RFC 7798): aggregated parameter sets, single NAL units and fragments. The first has the header extension, if one is given. */
  packetize(unit: Uint8Array, timestamp: number, extension?: Uint8Array): Uint8Array[];
  /** An RTCP BYE (RFC 3550, section 6.6). */
  goodbye(): Uint8Array;
  /** An RTCP sender report (RFC 3550, section 6.4.1): camera wall clock `unixMicros` is RTP time `timestamp`. */
  senderReport(unixMicros: number, timestamp: number): Uint8Array;
}

/** Starts an RTP stream with a random identity. */
export function rtpStream(codec: NalCodec): RtpStream {
  const ssrc = randomBytes(4).readUInt32BE(0);
  let sequence = randomBytes(2).readUInt16BE(0);
  let packets = 0;
  let octets = 0;
  const packetOf = (payload: Uint8Array, timestamp: number, isLast: boolean, extension: Uint8Array = new Uint8Array(0)): Uint8Array => {
    const packet = Buffer.alloc(12 + extension.length + payload.length);
    packet[0] = 0x80 | (extension.length > 0 ? 0x10 : 0);
    packet[1] = PAYLOAD_TYPE | (isLast ? 0x80 : 0);
    packet.writeUInt16BE(sequence, 2);
    packet.writeUInt32BE(timestamp >>> 0, 4);
    packet.writeUInt32BE(ssrc, 8);
    packet.set(extension, 12);
    packet.set(payload, 12 + extension.length);
    sequence = (sequence + 1) & 0xffff;
    packets++;
    octets += payload.length;
    return packet;
  };
  return {
    packetize(unit, timestamp, extension) {
      const payloads = payloadsOf(nalUnits(unit), codec);
      return payloads.map((payload, index) => packetOf(payload, timestamp, index === payloads.length - 1, index === 0 ? extension : undefined));
    },
    goodbye() {
      const report = Buffer.from([0x81, 203, 0, 1, 0, 0, 0, 0]);
      report.writeUInt32BE(ssrc, 4);
      return report;
    },
    senderReport(unixMicros, timestamp) {
      const report = Buffer.alloc(28);
      report[0] = 0x80;
      report[1] = 200;
      report.writeUInt16BE(6, 2);
      report.writeUInt32BE(ssrc, 4);
      const seconds = Math.floor(unixMicros / 1e6);
      report.writeUInt32BE((seconds + NTP_TO_UNIX_SECONDS) >>> 0, 8);
      report.writeUInt32BE(Math.floor((unixMicros - seconds * 1e6) * (2 ** 32 / 1e6)) >>> 0, 12);
      report.writeUInt32BE(timestamp >>> 0, 16);
      report.writeUInt32BE(packets >>> 0, 20);
      report.writeUInt32BE(octets >>> 0, 24);
      return report;
    },
  };
}

function payloadsOf(nals: readonly Uint8Array[], codec: NalCodec): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const sets = nals.filter((nal) => isParameterSet(nal, codec) && nal.length < 512);
  if (sets.length > 1) payloads.push(aggregate(sets, codec));
  for (const nal of nals) {
    if (sets.length > 1 && sets.includes(nal)) continue;
    if (nal.length <= MTU) payloads.push(nal);
    else payloads.push(...fragments(nal, codec));
  }
  return payloads;
}

/** STAP-A (RFC 6184, section 5.7.1) or AP (RFC 7798, section 4.4.2). */
function aggregate(nals: readonly Uint8Array[], codec: NalCodec): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(codec === 'h264' ? [0x60 | 24] : [48 << 1, 1])];
  for (const nal of nals) parts.push(Uint8Array.from([nal.length >> 8, nal.length & 0xff]), nal);
  return Buffer.concat(parts);
}

/** FU-A (RFC 6184, section 5.8) or FU (RFC 7798, section 4.4.3). */
function fragments(nal: Uint8Array, codec: NalCodec): Uint8Array[] {
  const headerSize = codec === 'h264' ? 1 : 2;
  const type = nalType(nal, codec);
  const head = codec === 'h264' ? [((nal[0] ?? 0) & 0xe0) | 28] : [((nal[0] ?? 0) & 0x81) | (49 << 1), nal[1] ?? 0];
  const payloads: Uint8Array[] = [];
  for (let at = headerSize; at < nal.length; at += MTU) {
    const end = Math.min(at + MTU, nal.length);
    const flags = (at === headerSize ? 0x80 : 0) | (end === nal.length ? 0x40 : 0);
    payloads.push(Buffer.concat([Uint8Array.from([...head, flags | type]), nal.subarray(at, end)]));
  }
  return payloads;
}
