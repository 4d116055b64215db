import { epochMicros } from '../../src/engine/units.ts';
import type { RtpPacket } from '../../src/ingress/webrtc/rtp-packet.ts';
import { rtpStream } from './rtp.ts';

/** A picture to be sent: H.264 in Annex B, or the bytes of VP8. */
export interface SentPicture { readonly data: Uint8Array; readonly isKey: boolean }

/** Ticks of 1/90000 s between pictures. */
const STEP = 3600;

/** How packets are numbered. */
export interface Numbering { readonly sequence?: number; readonly timestamp?: number }

/** The packets of H.264 pictures (RFC 6184): STAP-A, FU-A and single NAL units. Times of arrival are the order of sending, in milliseconds. */
export function h264Packets(pictures: readonly SentPicture[], { sequence = 0, timestamp = 0 }: Numbering = {}): RtpPacket[] {
  const stream = rtpStream('h264');
  return numbered(pictures.map(({ data }) => stream.packetize(data, 0).map((packet) => packet.subarray(12))), sequence, timestamp);
}

/** The packets of VP8 pictures (RFC 7741), with picture ids of 15 bits. */
export function vp8Packets(pictures: readonly SentPicture[], { sequence = 0, timestamp = 0 }: Numbering = {}, mtu = 1100): RtpPacket[] {
  return numbered(pictures.map(({ data }, index) => {
    const payloads: Uint8Array[] = [];
    for (let at = 0; at < data.length; at += mtu) {
      payloads.push(Buffer.concat([Buffer.of(at === 0 ? 0x90 : 0x80, 0x80, 0x80 | (index >> 8 & 0x7f), index & 0xff), data.subarray(at, at + mtu)]));
    }
    return payloads;
  }), sequence, timestamp);
}

function numbered(pictures: readonly (readonly Uint8Array[])[], sequence: number, timestamp: number): RtpPacket[] {
  let next = sequence;
  return pictures.flatMap((payloads, index) => payloads.map((payload, part) => {
    const packet: RtpPacket = {
      sequence: next & 0xffff, timestamp: (timestamp + index * STEP) >>> 0, isLast: part === payloads.length - 1, payload, arrivedAt: epochMicros(1_700_000_000_000_000 + (next - sequence) * 1000),
    };
    next += 1;
    return packet;
  }));
}
