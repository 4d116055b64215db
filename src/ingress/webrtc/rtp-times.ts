import { distance32, RTP_CLOCK_HZ } from './rtp-packet.ts';

/** Seconds from the epoch of NTP (1900) to that of Unix (RFC 5905, figure 4), and the era that begins in 2036 (RFC 4330, section 3). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const ERA_SECONDS = 2 ** 32;

/** Unix microseconds of a 64-bit NTP time. */
export function ntpMicros(ntp: bigint): number {
  const seconds = Number(ntp >> 32n);
  const unix = seconds + (seconds < 2 ** 31 ? ERA_SECONDS : 0) - NTP_TO_UNIX_SECONDS;
  return unix * 1e6 + Math.round(Number(ntp & 0xffff_ffffn) * 1e6 / 2 ** 32);
}

/** What the sender's clock says of RTP timestamps, from its last report (RFC 3550, section 6.4.1). */
export class SenderTime {
  #micros: number | undefined;
  #timestamp = 0;

  /** @param ntp 64 bits; 0 when the sender has no clock */
  report(ntp: bigint, timestamp: number): void {
    if (ntp === 0n) return;
    this.#micros = ntpMicros(ntp);
    this.#timestamp = timestamp;
  }

  /** Unix microseconds on the sender's clock; null before its first report. */
  microsOf(timestamp: number): number | null {
    if (this.#micros === undefined) return null;
    return this.#micros + Math.round(distance32(this.#timestamp, timestamp) / RTP_CLOCK_HZ * 1e6);
  }
}
