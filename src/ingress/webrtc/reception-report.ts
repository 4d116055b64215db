import { distance16, distance32, RTP_CLOCK_HZ, type RtpPacket } from './rtp-packet.ts';

/** Counts what came of a stream for receiver reports (RFC 3550, sections 6.4.2, A.3 and A.8). */
export class ReceptionReport {
  #first = 0;
  #highest: number | undefined;
  #received = 0;
  #before = { expected: 0, received: 0 };
  #jitter = 0;
  #transit: number | undefined;
  #lastReport = 0;
  #lastReportAtMs = 0;

  note({ sequence, timestamp, arrivedAt }: RtpPacket): void {
    if (this.#highest === undefined) this.#first = this.#highest = sequence;
    else this.#highest += Math.max(0, distance16(this.#highest & 0xffff, sequence));
    this.#received += 1;
    const transit = distance32(timestamp, Math.round(arrivedAt * (RTP_CLOCK_HZ / 1e6)) | 0);
    if (this.#transit !== undefined) this.#jitter += (Math.abs(distance32(this.#transit, transit)) - this.#jitter) / 16;
    this.#transit = transit;
  }

  /** Notes a sender report, from which the sender will tell the way there and back. */
  noteSenderReport(ntp: bigint, nowMs: number): void {
    this.#lastReport = Number((ntp >> 16n) & 0xffff_ffffn);
    this.#lastReportAtMs = nowMs;
  }

  /** A report for the time since the last one; undefined before the first packet. */
  take(senderSsrc: number, mediaSsrc: number, nowMs: number): Buffer | undefined {
    if (this.#highest === undefined) return undefined;
    const expected = this.#highest - this.#first + 1;
    const since = { expected: expected - this.#before.expected, received: this.#received - this.#before.received };
    this.#before = { expected, received: this.#received };
    const fraction = since.expected <= 0 ? 0 : Math.max(0, Math.min(255, Math.floor((since.expected - since.received) / since.expected * 256)));
    const lost = Math.max(-0x80_0000, Math.min(0x7f_ffff, expected - this.#received));
    const delay = this.#lastReport === 0 ? 0 : Math.round((nowMs - this.#lastReportAtMs) * 65.536);
    const bytes = Buffer.alloc(32);
    bytes.writeUInt8(0x81, 0);
    bytes.writeUInt8(201, 1);
    bytes.writeUInt16BE(7, 2);
    bytes.writeUInt32BE(senderSsrc, 4);
    bytes.writeUInt32BE(mediaSsrc, 8);
    bytes.writeUInt8(fraction, 12);
    bytes.writeIntBE(lost, 13, 3);
    bytes.writeUInt32BE(this.#highest >>> 0, 16);
    bytes.writeUInt32BE(Math.min(0xffff_ffff, Math.round(this.#jitter)), 20);
    bytes.writeUInt32BE(this.#lastReport, 24);
    bytes.writeUInt32BE(Math.min(0xffff_ffff, delay), 28);
    return bytes;
  }
}
