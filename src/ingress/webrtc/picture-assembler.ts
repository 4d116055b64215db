import type { EpochMicros } from '../../engine/units.ts';
import type { PictureSize } from '../../media/picture-size.ts';
import type { Ordered } from './jitter-buffer.ts';
import type { PayloadFormat } from './payload-format.ts';
import type { RtpPacket } from './rtp-packet.ts';

/** A picture as it was sent. */
export interface ReceivedPicture {
  readonly data: Uint8Array;
  readonly isKey: boolean;
  /** Where the picture itself says it. */
  readonly size?: PictureSize;
  /** RTP timestamp: 32 bits, in ticks of 1/90000 s, wraps. */
  readonly timestamp: number;
  /** When its first and its last packet came. */
  readonly begunAt: EpochMicros;
  readonly arrivedAt: EpochMicros;
}

/** What became of pictures: received, or left out and why. */
export type Assembled =
  | { readonly kind: 'picture'; readonly picture: ReceivedPicture }
  | { readonly kind: 'left-out'; readonly why: 'packets were lost' | 'packets that follow no format' | 'a picture before it was lost' | 'a picture was too large' };

/** More than any encoder makes of one picture. */
const PICTURE_MAX_BYTES = 16 << 20;
const PICTURE_MAX_PACKETS = 16_384;

/**
 * Puts pictures together from packets in order. After a loss everything up to the next key picture is left out, since it is decoded after
 * what is missing; each picture that is left out is told.
 */
export class PictureAssembler {
  readonly #format: PayloadFormat;
  #parts: RtpPacket[] = [];
  #bytes = 0;
  /** Nothing of the picture under way is missing. */
  #isWhole = true;
  /** Packets before the next one were lost. */
  #isAfterLoss = false;
  #needsKey = true;
  #hasBegun = false;

  constructor(format: PayloadFormat) { this.#format = format; }

  /** True while no picture is of use before a key picture comes. */
  get needsKey(): boolean { return this.#needsKey; }

  take(item: Ordered): readonly Assembled[] {
    if (item.kind === 'lost') { this.#lose(); return []; }
    const { packet } = item;
    if (packet.payload.byteLength === 0) return [];
    const told: Assembled[] = [];
    const [first] = this.#parts;
    if (first !== undefined && first.timestamp !== packet.timestamp) this.#finish(told);
    if (this.#parts.length === 0) this.#isWhole = !this.#isAfterLoss || this.#format.beginsPicture(packet.payload);
    this.#isAfterLoss = false;
    this.#parts.push(packet);
    this.#bytes += packet.payload.byteLength;
    if (packet.isLast || this.#isTooLarge()) this.#finish(told);
    return told;
  }

  /** What came of a queue that was full: pictures before the next key picture cannot be decoded. */
  requireKey(): void { this.#needsKey = true; }

  #isTooLarge(): boolean { return this.#bytes > PICTURE_MAX_BYTES || this.#parts.length > PICTURE_MAX_PACKETS; }

  #lose(): void {
    this.#isAfterLoss = true;
    this.#isWhole = false;
    this.#needsKey = true;
    this.#format.forget();
  }

  #finish(told: Assembled[]): void {
    const parts = this.#parts;
    const last = parts.at(-1);
    const isTooLarge = this.#isTooLarge();
    const wasWhole = this.#isWhole;
    this.#parts = [];
    this.#bytes = 0;
    if (last === undefined) return;
    const leaveOut = (why: Extract<Assembled, { kind: 'left-out' }>['why']): void => {
      this.#needsKey = true;
      if (this.#hasBegun) told.push({ kind: 'left-out', why }); // nothing of a session is recorded before its first key picture
    };
    if (isTooLarge) { leaveOut('a picture was too large'); return; }
    if (!wasWhole) { leaveOut('packets were lost'); return; }
    const joined = this.#format.join(parts.map(({ payload }) => payload));
    if (joined === 'none') return;
    if (joined === 'damaged') { leaveOut('packets that follow no format'); return; }
    if (this.#needsKey && !joined.isKey) { leaveOut('a picture before it was lost'); return; }
    this.#needsKey = false;
    this.#hasBegun = true;
    told.push({ kind: 'picture', picture: { ...joined, timestamp: last.timestamp, ...span(parts, last) } });
  }
}

/** When the first and the last of its packets came; they may have come in any order. */
function span(parts: readonly RtpPacket[], last: RtpPacket): Pick<ReceivedPicture, 'begunAt' | 'arrivedAt'> {
  let begunAt = last.arrivedAt;
  let { arrivedAt } = last;
  for (const part of parts) {
    if (part.arrivedAt < begunAt) begunAt = part.arrivedAt;
    if (part.arrivedAt > arrivedAt) arrivedAt = part.arrivedAt;
  }
  return { begunAt, arrivedAt };
}
