import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { h264Payload } from './h264-payload.ts';
import { JitterBuffer, type Ordered } from './jitter-buffer.ts';
import type { WhipCodec } from './offer.ts';
import { PictureAssembler, type ReceivedPicture } from './picture-assembler.ts';
import { ReceptionReport } from './reception-report.ts';
import { bitrateLimit, genericNack, pictureLoss } from './rtcp.ts';
import type { RtpPacket } from './rtp-packet.ts';
import { SenderTime } from './rtp-times.ts';
import { TransportFeedback } from './transport-feedback.ts';
import { vp8Payload } from './vp8-payload.ts';

/** How a publisher's video is received. */
export interface ReceiverOptions {
  readonly codec: WhipCodec;
  readonly clock: Clock;
  /** Identifies us in feedback. */
  readonly localSsrc: number;
  /** A missing packet is waited for, and asked for again, so long. */
  readonly waitMs: number;
  /** Most that the sender is asked to send, in bits a second; 0: no limit. */
  readonly bitrateMax: number;
  /** Sends feedback (RTCP). */
  readonly send: (rtcp: Buffer) => void;
}

/** A picture with what the sender's clock says of it. */
export interface TimedPicture extends ReceivedPicture {
  /** Microseconds since the Unix epoch by the sender's clock; null before it told. */
  readonly senderMicros: number | null;
}

/** What waits for the session that records: pictures at most, and bytes. */
const QUEUE_MAX = 600;
const QUEUE_MAX_BYTES = 32 << 20;
const SETTLE_MS = 20;
const TICK_MS = 50;
/** While packets are missing. */
const FAST_TICK_MS = 10;
const REPORT_MS = 1_000;
/** A key picture that does not come is asked for again. */
const PICTURE_LOSS_MS = 500;

/**
 * Receives one video: order, pictures, feedback. Pictures wait in a bounded queue; what does not fit is left out up to the next key picture, and counted.
 * Other streams than the first one's are not heard.
 */
export class VideoReceiver {
  /** Packets lost and pictures left out. */
  unreadable = 0;
  /** Why the last of them was. */
  lastUnreadable: PlatformError | undefined;
  /** When the last packet came, monotonic milliseconds; undefined before the first. */
  lastPacketMs: number | undefined;
  readonly #options: ReceiverOptions;
  readonly #buffer: JitterBuffer;
  readonly #assembler: PictureAssembler;
  readonly #reports = new ReceptionReport();
  readonly #feedback = new TransportFeedback();
  readonly #senderTime = new SenderTime();
  readonly #queue: TimedPicture[] = [];
  #queueBytes = 0;
  #mediaSsrc: number | undefined;
  #askedForKeyMs = Number.NEGATIVE_INFINITY;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #onPicture: () => void = () => {};

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#buffer = new JitterBuffer({ waitMs: options.waitMs, settleMs: SETTLE_MS, maxPackets: 2048, maxBytes: 8 << 20 });
    this.#assembler = new PictureAssembler(options.codec === 'h264' ? h264Payload() : vp8Payload());
  }

  /** Takes a packet of the video's payload type. `transportSequence`: its number among all packets of the sender, where it has one. */
  push(packet: RtpPacket, ssrc: number, transportSequence: number | undefined): void {
    this.#mediaSsrc ??= ssrc;
    if (transportSequence !== undefined) this.#feedback.note(transportSequence, packet.arrivedAt);
    if (ssrc !== this.#mediaSsrc) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.lastPacketMs = nowMs;
    this.#reports.note(packet);
    this.#buffer.push(packet, nowMs);
    this.#assemble(this.#buffer.take(nowMs));
  }

  /** Takes a sender report (RFC 3550, section 6.4.1). */
  senderReport(ssrc: number, ntp: bigint, timestamp: number): void {
    if (ssrc !== this.#mediaSsrc) return;
    this.#senderTime.report(ntp, timestamp);
    this.#reports.noteSenderReport(ntp, this.#options.clock.monotonicMs());
  }

  /** The next picture that waits, if any. */
  take(): TimedPicture | undefined {
    const picture = this.#queue.shift();
    this.#queueBytes -= picture?.data.byteLength ?? 0;
    return picture;
  }

  /** Calls `listener` when a picture comes; one at a time. */
  onPicture(listener: () => void): void { this.#onPicture = listener; }

  /** How long until `tick` should be called again. */
  get tickMs(): number { return this.#buffer.isWaiting ? FAST_TICK_MS : TICK_MS; }

  /** No more packets come: what waits for missing ones goes its way. */
  flush(): void {
    this.#assemble(this.#buffer.take(Number.POSITIVE_INFINITY));
  }

  /** Sends what is due: requests for packets and key pictures, reports. */
  tick(nowMs: number): void {
    this.#assemble(this.#buffer.take(nowMs));
    const { localSsrc, bitrateMax, send } = this.#options;
    const mediaSsrc = this.#mediaSsrc;
    if (mediaSsrc === undefined) return;
    const arrivals = this.#feedback.take(localSsrc, mediaSsrc);
    if (arrivals) send(arrivals);
    const wanted = this.#buffer.wanted(nowMs);
    if (wanted.length > 0) send(genericNack(localSsrc, mediaSsrc, wanted));
    this.#askForKey(nowMs);
    if (nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = nowMs;
    const report = this.#reports.take(localSsrc, mediaSsrc, nowMs);
    if (report) send(report);
    if (bitrateMax > 0) send(bitrateLimit(localSsrc, mediaSsrc, bitrateMax));
  }

  #askForKey(nowMs: number): void {
    if (!this.#assembler.needsKey || this.#mediaSsrc === undefined || nowMs - this.#askedForKeyMs < PICTURE_LOSS_MS) return;
    this.#askedForKeyMs = nowMs;
    this.#options.send(pictureLoss(this.#options.localSsrc, this.#mediaSsrc));
  }

  #assemble(items: readonly Ordered[]): void {
    for (const item of items) {
      if (item.kind === 'lost') this.#note(item.count, `${item.count} packets of the publisher were lost`);
      for (const told of this.#assembler.take(item)) {
        if (told.kind === 'left-out') this.#note(1, `a picture of the publisher was left out: ${told.why}`);
        else this.#enqueue(told.picture);
      }
    }
  }

  #enqueue(picture: ReceivedPicture): void {
    if (this.#queue.length >= QUEUE_MAX || this.#queueBytes + picture.data.byteLength > QUEUE_MAX_BYTES) {
      this.#note(1, 'a picture of the publisher was left out: recording does not keep up');
      this.#assembler.requireKey();
      return;
    }
    this.#queue.push({ ...picture, senderMicros: this.#senderTime.microsOf(picture.timestamp) });
    this.#queueBytes += picture.data.byteLength;
    this.#onPicture();
  }

  #note(count: number, message: string): void {
    this.unreadable += count;
    this.lastUnreadable = new PlatformError('MEDIA_CORRUPT', message, {});
  }
}
