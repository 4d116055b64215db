import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { every } from '../../src/engine/timers.ts';
import { fragmentHeadAt } from '../../src/messages/fragment-times.ts';
import type { LiveItem } from '../../src/messages/live-item.ts';
import { LIVE_HEAD_BYTES } from '../../src/messages/live-message.ts';
import { startMpeg1Encoder, type Mpeg1Encoder } from './mpeg1-encoder.ts';

/** What is made of a camera's live stream. */
export interface TranscodeOptions {
  /** The stream, from a key frame on. */
  readonly items: (signal: AbortSignal) => AsyncIterable<LiveItem>;
  readonly ffmpegPath?: string | undefined;
  readonly clock: Clock;
  readonly onStart: (encoder: Mpeg1Encoder) => void;
  readonly onBytes: (bytes: Uint8Array, encoder: Mpeg1Encoder) => void;
}

/** More than this unread: ffmpeg does not keep up, and goes on at a key frame. */
const UNREAD_MAX_BYTES = 4 << 20;
/** So long ffmpeg may take for its first picture, and for each after it, while it is given some. */
const FIRST_MS = 6_000;
const SILENT_MS = 1_500;
const LOOK_EVERY_MS = 250;

/**
 * One ffmpeg, from its start to its end. Returns when the stream begins anew (another size, another session of the camera): the next one starts there.
 * @throws PlatformError FFMPEG_MISSING; PROCESS_EXITED; STALLED when it is given pictures and shows none; PORT_CLOSED when the camera's process goes; the signal's reason
 */
export async function transcode(options: TranscodeOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const silence = new Silence(options.clock);
  const encoder = startMpeg1Encoder({ ffmpegPath: options.ffmpegPath, onBytes: bytes => { silence.broken(); options.onBytes(bytes, encoder); } });
  options.onStart(encoder);
  try {
    await Promise.race([feed(encoder, options.items(either), silence), encoder.ended, silence.tooLong(either)]);
    signal.throwIfAborted();
  } finally {
    over.abort(new Error('this ffmpeg is over'));
    encoder.kill();
  }
}

async function feed(encoder: Mpeg1Encoder, items: AsyncIterable<LiveItem>, silence: Silence): Promise<void> {
  let origin: number | undefined;
  let hasStarted = false;
  let isAtKey = true;
  for await (const item of items) {
    switch (item.kind) {
      case 'start':
        if (hasStarted) return;
        hasStarted = true;
        encoder.write(item.header);
        break;
      case 'gap':
        if (item.reason === 'session') return;
        isAtKey = true;
        break;
      case 'unit': {
        if (encoder.unreadBytes > UNREAD_MAX_BYTES) isAtKey = true;
        if (!hasStarted || (isAtKey && (!item.isKey || encoder.unreadBytes > UNREAD_MAX_BYTES))) break;
        isAtKey = false;
        origin ??= item.decodeTicks;
        encoder.write(fragmentHeadAt(item.fragmentHead, Math.max(0, Math.round(item.decodeTicks - origin))));
        encoder.write(item.message.subarray(LIVE_HEAD_BYTES));
        silence.begins();
      }
    }
  }
}

/** How long ffmpeg has been given pictures and shown none. */
class Silence {
  readonly #clock: Clock;
  #sinceMs: number | undefined;
  #limitMs: number = FIRST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begins(): void { this.#sinceMs ??= this.#clock.monotonicMs(); }

  broken(): void {
    this.#sinceMs = undefined;
    this.#limitMs = SILENT_MS;
  }

  /** @throws PlatformError STALLED; the signal's reason */
  async tooLong(signal: AbortSignal): Promise<never> {
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => { /* awaited below */ });
    void every(LOOK_EVERY_MS, this.#clock, signal, () => {
      if (this.#sinceMs !== undefined && this.#clock.monotonicMs() - this.#sinceMs > this.#limitMs) late.reject(new PlatformError('STALLED', `ffmpeg was given pictures for ${this.#limitMs / 1000} s and showed none`));
    }).then(() => late.reject(signal.reason), error => late.reject(error));
    return late.promise;
  }
}
