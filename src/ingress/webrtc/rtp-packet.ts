import type { EpochMicros } from '../../engine/units.ts';

/** Ticks a second of RTP timestamps of video (RFC 6184, section 8.2.1; RFC 7741, section 6.1). */
export const RTP_CLOCK_HZ = 90_000;

/** An RTP packet of a publisher's video (RFC 3550, section 5.1), decrypted and without padding. */
export interface RtpPacket {
  /** 16 bits, wraps. */
  readonly sequence: number;
  /** 32 bits of `RTP_CLOCK_HZ`, wraps. */
  readonly timestamp: number;
  /** The marker bit: the last packet of a picture. */
  readonly isLast: boolean;
  /** Empty where the packet was padding alone, as senders probe the bandwidth with. */
  readonly payload: Uint8Array;
  readonly arrivedAt: EpochMicros;
}

/** The signed distance from `from` to `to` of 16-bit numbers that wrap: -32768 to 32767. */
export function distance16(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/** The signed distance from `from` to `to` of 32-bit numbers that wrap. */
export function distance32(from: number, to: number): number {
  return (to - from) | 0;
}

/** Goes on counting where 32-bit numbers wrap: the first is 0, each other as far from the one before as the shorter way says. */
export function unwrap32(): (value: number) => number {
  let last: number | undefined;
  let total = 0;
  return (value) => {
    if (last !== undefined) total += distance32(last, value);
    last = value;
    return total;
  };
}
