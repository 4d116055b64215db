import { distance16, type RtpPacket } from './rtp-packet.ts';

/** How long packets are waited for. */
export interface JitterLimits {
  /** A missing packet is given up so long after a later one came. */
  readonly waitMs: number;
  /** The first packets are held so long, in case an earlier one is still on its way. */
  readonly settleMs: number;
  /** Largest distance from a missing packet to the newest, in packets. */
  readonly maxPackets: number;
  /** Most bytes held behind a missing packet. */
  readonly maxBytes: number;
}

/** The packets of a stream in order; `lost` of them are missing for good where the other ones tell. */
export type Ordered = { readonly kind: 'packet'; readonly packet: RtpPacket } | { readonly kind: 'lost'; readonly count: number };

/** A packet that others overtook, and how often it was asked for. */
interface Missing { readonly sinceMs: number; askedAtMs: number; asked: number }

/** A packet overtaken for less than this is likely on its way. */
const REORDER_MS = 10;
/** So long a packet that was asked for may take before it is asked for again. */
const REPEAT_MS = 50;
const ASK_MAX = 10;

/**
 * Brings RTP packets in the order of their sequence numbers (RFC 3550, section 5.1), says which to ask for again (RFC 4585, section 6.2.1)
 * and which are lost. Holds nothing while packets come in order. Times are monotonic milliseconds.
 */
export class JitterBuffer {
  /** Packets that came twice, and such that came after they were given up. */
  duplicates = 0;
  late = 0;
  /** Packets given up. */
  lost = 0;
  readonly #limits: JitterLimits;
  readonly #held = new Map<number, RtpPacket>();
  readonly #missing = new Map<number, Missing>();
  #bytes = 0;
  /** Of the next packet in order; numbers here go on where sequence numbers wrap. */
  #next: number | undefined;
  #highest = 0;
  /** What is missing before this number is given up whatever the time. */
  #givenUpBefore = Number.NEGATIVE_INFINITY;
  #settledAtMs = 0;

  constructor(limits: JitterLimits) { this.#limits = limits; }

  /** True while `take` or `wanted` may have more to say without another packet. */
  get isWaiting(): boolean { return this.#held.size > 0; }

  push(packet: RtpPacket, nowMs: number): void {
    if (this.#next === undefined) {
      this.#next = this.#highest = packet.sequence;
      this.#settledAtMs = nowMs + this.#limits.settleMs;
    }
    const number = this.#highest + distance16(this.#highest & 0xffff, packet.sequence);
    if (this.#held.has(number)) { this.duplicates += 1; return; }
    if (number < this.#next) {
      if (nowMs >= this.#settledAtMs || this.#highest - number > this.#limits.maxPackets) { this.late += 1; return; }
      this.#miss(number + 1, this.#next, nowMs);
      this.#next = number;
    }
    this.#missing.delete(number);
    this.#held.set(number, packet);
    this.#bytes += packet.payload.byteLength;
    if (number > this.#highest) {
      this.#miss(Math.max(this.#highest + 1, number - this.#limits.maxPackets), number, nowMs);
      this.#highest = number;
      this.#giveUp(number - this.#limits.maxPackets);
    }
    if (this.#bytes > this.#limits.maxBytes) this.#giveUp(Math.min(...this.#held.keys()));
  }

  /** What is in order by now. */
  take(nowMs: number): readonly Ordered[] {
    if (this.#next === undefined || nowMs < this.#settledAtMs && this.#bytes <= this.#limits.maxBytes) return [];
    const ready: Ordered[] = [];
    while (this.#held.size > 0) {
      const packet = this.#held.get(this.#next);
      if (packet !== undefined) {
        this.#held.delete(this.#next);
        this.#bytes -= packet.payload.byteLength;
        ready.push({ kind: 'packet', packet });
        this.#next += 1;
        continue;
      }
      const count = this.#countLost(this.#next, nowMs);
      if (count === 0) break;
      ready.push({ kind: 'lost', count });
      this.lost += count;
      this.#next += count;
    }
    return ready;
  }

  /** Sequence numbers to ask the sender for now. */
  wanted(nowMs: number): readonly number[] {
    const wanted: number[] = [];
    for (const [number, missing] of this.#missing) {
      if (nowMs - missing.sinceMs < REORDER_MS || missing.asked >= ASK_MAX || nowMs - missing.askedAtMs < REPEAT_MS) continue;
      missing.asked += 1;
      missing.askedAtMs = nowMs;
      wanted.push(number & 0xffff);
    }
    return wanted;
  }

  #miss(from: number, to: number, nowMs: number): void {
    for (let number = from; number < to; number++) this.#missing.set(number, { sinceMs: nowMs, askedAtMs: Number.NEGATIVE_INFINITY, asked: 0 });
  }

  #giveUp(before: number): void {
    if (before <= this.#givenUpBefore) return;
    this.#givenUpBefore = before;
    for (const number of this.#missing.keys()) if (number < before) this.#missing.delete(number);
  }

  /** Packets from `first` on that are missing and waited for long enough. */
  #countLost(first: number, nowMs: number): number {
    let number = first;
    if (first < this.#givenUpBefore) {
      number = this.#givenUpBefore;
      for (const held of this.#held.keys()) number = Math.min(number, held);
    }
    for (; number <= this.#highest && !this.#held.has(number); number++) {
      const missing = this.#missing.get(number);
      if (missing !== undefined && nowMs - missing.sinceMs < this.#limits.waitMs) break;
      this.#missing.delete(number);
    }
    return number - first;
  }
}
