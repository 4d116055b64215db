import { distance16 } from './rtp-packet.ts';
import { rtcpPacket } from './rtcp.ts';

/** Ticks of arrival times: 250 microseconds; of the reference time: 64 milliseconds. */
const DELTA_MICROS = 250;
const REFERENCE_MICROS = 64_000;
/** Packet status symbols. */
const NOT_RECEIVED = 0;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;
/** Length of a run (13 bits), and packets that one message tells of. */
const RUN_MAX = 8191;
const COUNT_MAX = 1000;

/**
 * Tells the sender when each packet arrived, from which it estimates the bandwidth
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
 */
export class TransportFeedback {
  readonly #arrivals = new Map<number, number>();
  /** Numbers here go on where sequence numbers wrap. */
  #next: number | undefined;
  #highest = 0;
  #count = 0;

  /** Notes a packet by its transport-wide sequence number. */
  note(sequence: number, arrivedMicros: number): void {
    if (this.#next === undefined) this.#next = this.#highest = sequence;
    const number = this.#highest + distance16(this.#highest & 0xffff, sequence);
    if (number < this.#next) return; // it was told of as missing, and the sender has acted on that
    if (number - this.#next >= COUNT_MAX) this.#skip(number);
    this.#highest = Math.max(this.#highest, number);
    if (!this.#arrivals.has(number)) this.#arrivals.set(number, arrivedMicros);
  }

  /** The message for what arrived since the last one; undefined when nothing did. */
  take(senderSsrc: number, mediaSsrc: number): Buffer | undefined {
    if (this.#next === undefined || this.#arrivals.size === 0) return undefined;
    const first = this.#next;
    const statuses: number[] = [];
    const deltas: number[] = [];
    const reference = Math.floor((this.#arrivals.get(Math.min(...this.#arrivals.keys())) ?? 0) / REFERENCE_MICROS);
    let ticks = reference * (REFERENCE_MICROS / DELTA_MICROS);
    let number = first;
    for (; number <= this.#highest; number++) {
      const arrived = this.#arrivals.get(number);
      if (arrived === undefined) { statuses.push(NOT_RECEIVED); continue; }
      const delta = Math.round(arrived / DELTA_MICROS) - ticks;
      if (delta < -32_768 || delta > 32_767) break; // goes into the next message, with a reference time of its own
      ticks += delta;
      deltas.push(delta);
      statuses.push(delta >= 0 && delta <= 255 ? SMALL_DELTA : LARGE_DELTA);
      this.#arrivals.delete(number);
    }
    this.#next = number;
    if (deltas.length === 0) return undefined;
    const body = Buffer.concat([head(first & 0xffff, statuses.length, reference, this.#count), runs(statuses), encodeDeltas(deltas)]);
    this.#count = (this.#count + 1) & 0xff;
    return rtcpPacket({ count: 15, type: 205, senderSsrc, mediaSsrc, body });
  }

  #skip(number: number): void {
    this.#arrivals.clear();
    this.#next = number;
  }
}

function head(base: number, count: number, reference: number, messages: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(base, 0);
  bytes.writeUInt16BE(count, 2);
  bytes.writeUIntBE(((reference % 2 ** 24) + 2 ** 24) % 2 ** 24, 4, 3);
  bytes.writeUInt8(messages, 7);
  return bytes;
}

/** Run length chunks (section 3.1.3). */
function runs(statuses: readonly number[]): Buffer {
  const chunks: number[] = [];
  for (let at = 0; at < statuses.length;) {
    const status = statuses[at] ?? NOT_RECEIVED;
    let length = 1;
    while (length < RUN_MAX && statuses[at + length] === status) length++;
    chunks.push((status << 13) | length);
    at += length;
  }
  const bytes = Buffer.alloc(chunks.length * 2);
  chunks.forEach((chunk, index) => bytes.writeUInt16BE(chunk, index * 2));
  return bytes;
}

function encodeDeltas(deltas: readonly number[]): Buffer {
  const bytes = Buffer.alloc(deltas.length * 2);
  let at = 0;
  for (const delta of deltas) at = delta >= 0 && delta <= 255 ? bytes.writeUInt8(delta, at) : bytes.writeInt16BE(delta, at);
  return bytes.subarray(0, at);
}
