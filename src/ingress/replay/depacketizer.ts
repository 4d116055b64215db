import { PlatformError } from '../../engine/errors.ts';
import { annexB, LONG_START_CODE } from '../../media/nal.ts';
import type { ReplayMark, RtpPacket } from './rtp-packet.ts';

/** One access unit out of RTP. */
export interface AssembledUnit {
  /** Annex B, start codes of four bytes. */
  readonly data: Uint8Array;
  /** RTP time, 32 bits. */
  readonly timestamp: number;
  /** Decoding can start here. */
  readonly isKey: boolean;
  /** Something of it did not arrive or made no sense. */
  readonly isCorrupt: boolean;
  readonly mark: ReplayMark | undefined;
}

/** Codecs that are put together here. */
export type RtpCodec = 'h264' | 'hevc';

/** No picture of a camera is larger. */
const UNIT_MAX_BYTES = 16 << 20;
/** NAL units of one picture: H.264 level 6.2 allows 600 slices. */
const NALS_MAX = 4_096;

/** RFC 6184 table 1: packet types that are taken; interleaved mode (25 to 27, 29) needs a decoding order that cameras do not use. */
const H264 = { aggregation: 24, fragment: 28, idr: 5, sps: 7, headerSize: 1 } as const;
/** RFC 7798 section 4.4; IRAP pictures are NAL unit types 16 to 23 (ITU-T H.265 table 7-1). */
const HEVC = { aggregation: 48, fragment: 49, irapFrom: 16, irapTo: 23, headerSize: 2 } as const;

/**
 * Puts access units together from RTP packets in order (RFC 6184: single NAL units, STAP-A, FU-A; RFC 7798: single NAL units, AP, FU). A unit
 * ends with the marker, or before the first packet of another time. What does not fit is left out and marks its unit as damaged.
 */
export class Depacketizer {
  readonly #codec: RtpCodec;
  #nals: Uint8Array[] = [];
  #sizeBytes = 0;
  /** Of the unit under way. */
  #timestamp: number | undefined;
  #mark: ReplayMark | undefined;
  #isCorrupt = false;
  #fragments: Uint8Array[] | undefined;
  #lastSequence: number | undefined;

  constructor(codec: RtpCodec) { this.#codec = codec; }

  /**
   * Takes the next packet and returns the units that are complete with it: none, one, or two.
   * @throws PlatformError MEDIA_INVALID when a unit grows beyond what any camera makes
   */
  take(packet: RtpPacket): readonly AssembledUnit[] {
    const units: AssembledUnit[] = [];
    const isNext = this.#lastSequence === undefined || packet.sequence === ((this.#lastSequence + 1) & 0xffff);
    this.#lastSequence = packet.sequence;
    if (this.#timestamp !== undefined && packet.timestamp !== this.#timestamp) units.push(...this.flush());
    this.#timestamp = packet.timestamp;
    this.#mark ??= packet.mark;
    if (!isNext) { this.#isCorrupt = true; this.#fragments = undefined; }
    if (packet.payload.length > 0) this.#payload(packet.payload);
    if (packet.isMarked) units.push(...this.flush());
    return units;
  }

  /** Ends the unit under way: nothing more of it comes. */
  flush(): readonly AssembledUnit[] {
    if (this.#fragments !== undefined) this.#isCorrupt = true; // its end did not come
    const timestamp = this.#timestamp;
    const units = timestamp === undefined || this.#nals.length === 0 ? [] : [{
      data: annexB(this.#nals), timestamp, isKey: this.#isKey(), isCorrupt: this.#isCorrupt, mark: this.#mark,
    }];
    this.#nals = [];
    this.#sizeBytes = 0;
    this.#timestamp = undefined;
    this.#fragments = undefined;
    this.#mark = undefined;
    if (units.length > 0) this.#isCorrupt = false; // else a whole unit was lost, and the next one that is put together says so
    return units;
  }

  #payload(payload: Uint8Array): void {
    const type = this.#typeOf(payload);
    const { aggregation, fragment, headerSize } = this.#codec === 'h264' ? H264 : HEVC;
    if (payload.length < headerSize) { this.#isCorrupt = true; return; }
    if (type === fragment) { this.#fragment(payload); return; }
    if (this.#fragments !== undefined) { this.#isCorrupt = true; this.#fragments = undefined; }
    if (type === aggregation) this.#aggregate(payload.subarray(headerSize));
    else if (type < (this.#codec === 'h264' ? 24 : 48)) this.#add(payload);
    else this.#isCorrupt = true;
  }

  #aggregate(payload: Uint8Array): void {
    for (let at = 0; at < payload.length;) {
      const size = (payload[at] ?? 0) * 256 + (payload[at + 1] ?? 0);
      const from = at + 2;
      if (size === 0 || from + size > payload.length) { this.#isCorrupt = true; return; }
      this.#add(payload.subarray(from, from + size));
      at = from + size;
    }
  }

  /** FU-A (RFC 6184 section 5.8) and FU (RFC 7798 section 4.4.3): the NAL unit's header is told apart from its bytes. */
  #fragment(payload: Uint8Array): void {
    const { headerSize } = this.#codec === 'h264' ? H264 : HEVC;
    const flags = payload[headerSize];
    if (flags === undefined) { this.#isCorrupt = true; return; }
    const bytes = payload.subarray(headerSize + 1);
    if ((flags & 0x80) !== 0) {
      if (this.#fragments !== undefined) this.#isCorrupt = true;
      const [first = 0, second = 0] = payload;
      this.#fragments = [this.#codec === 'h264' ? Uint8Array.of((first & 0xe0) | (flags & 0x1f)) : Uint8Array.of((first & 0x81) | ((flags & 0x3f) << 1), second)];
    }
    if (this.#fragments === undefined) { this.#isCorrupt = true; return; }
    this.#fragments.push(bytes);
    this.#grow(bytes.length);
    if ((flags & 0x40) === 0) return;
    const whole = Buffer.concat(this.#fragments);
    this.#sizeBytes -= whole.length - headerSize;
    this.#fragments = undefined;
    this.#add(whole);
  }

  #add(nal: Uint8Array): void {
    this.#grow(nal.length + LONG_START_CODE.length);
    this.#nals.push(nal);
    if (this.#nals.length > NALS_MAX) throw new PlatformError('MEDIA_INVALID', `a picture of more than ${NALS_MAX} NAL units`, {});
  }

  #grow(bytes: number): void {
    this.#sizeBytes += bytes;
    if (this.#sizeBytes > UNIT_MAX_BYTES) throw new PlatformError('MEDIA_INVALID', `a picture of more than ${UNIT_MAX_BYTES} bytes`, {});
  }

  #typeOf(nal: Uint8Array): number {
    const first = nal[0] ?? 0;
    return this.#codec === 'h264' ? first & 31 : (first >> 1) & 63;
  }

  /** An IDR or IRAP picture; or one that the device calls clean and that brings its parameter sets, as a recovery point does. */
  #isKey(): boolean {
    const types = this.#nals.map(nal => this.#typeOf(nal));
    if (this.#codec === 'hevc') return types.some(type => type >= HEVC.irapFrom && type <= HEVC.irapTo);
    return types.includes(H264.idr) || (this.#mark?.isClean === true && types.includes(H264.sps));
  }
}
