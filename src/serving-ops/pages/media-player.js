// Shows fragments of MP4 by Media Source Extensions: for pages that are no secure context. Boxes lie on a canvas over the video.
import { drawBoxes } from './live-boxes.js';

/** How far the video may be behind the newest picture before it goes faster, and before it jumps. */
const BEHIND_SECONDS = 0.35;
/** Where a jump leads to, before the newest picture: less, and the video stops for want of pictures. */
const LEAD_SECONDS = 0.15;
const FAR_BEHIND_SECONDS = 1.5;
/** Seconds that stay in the buffer behind what is shown. */
const KEPT_SECONDS = 10;
const QUEUE_MAX = 2_000;

/** True where the browser plays this. */
export function canPlay(mime) {
  const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
  return mime !== null && Source !== undefined && Source.isTypeSupported(mime);
}

export class MediaPlayer {
  #stage = document.createElement('div');
  #video = document.createElement('video');
  #overlay = document.createElement('canvas');
  #context = this.#overlay.getContext('2d');
  #shelf;
  #onShown;
  #onFail;
  #source;
  #buffer;
  #queue = [];
  #heads = [];
  #isRunning = true;
  #lastFrame;
  counts = { decoded: 0, shown: 0, skipped: 0, dropped: 0, withoutRecord: 0 };

  constructor({ shelf, onShown, onFail }) {
    this.#shelf = shelf;
    this.#onShown = onShown;
    this.#onFail = onFail;
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.autoplay = true;
    this.#video.disableRemotePlayback = true;
    this.#stage.className = 'stage';
    this.#stage.append(this.#video, this.#overlay);
    this.#video.addEventListener('error', () => { if (this.#isRunning) this.#onFail(new Error(this.#video.error?.message ?? 'the video cannot be played')); });
    this.#nextFrame();
  }

  get element() { return this.#stage; }

  async start(message) {
    this.#overlay.width = message.width || 1280;
    this.#overlay.height = message.height || 720;
    if (this.#buffer !== undefined) { this.#buffer.changeType?.(message.mime); return; }
    const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
    const source = new Source();
    this.#source = source;
    this.#video.src = URL.createObjectURL(source);
    await new Promise(resolve => { source.addEventListener('sourceopen', resolve, { once: true }); });
    URL.revokeObjectURL(this.#video.src);
    this.#buffer = source.addSourceBuffer(message.mime);
    this.#buffer.addEventListener('updateend', () => this.#append());
    this.#append();
  }

  gap() { /* the fragments that follow say where they belong */ }

  picture(head) {
    this.#queue.push(head.bytes);
    if (!head.isInit) {
      this.#heads.push(head);
      if (this.#heads.length > 1_024) this.#heads.shift();
    }
    if (this.#queue.length > QUEUE_MAX) { this.#onFail(new Error('the video cannot keep up')); return; }
    this.#append();
  }

  close() {
    this.#isRunning = false;
    this.#video.removeAttribute('src');
    this.#video.load();
    this.#stage.remove();
  }

  /** Everything that waits, in one piece. */
  #append() {
    const buffer = this.#buffer;
    if (buffer === undefined || buffer.updating || this.#source.readyState !== 'open') return;
    try {
      this.#keepUp();
      if (buffer.updating || this.#queue.length === 0) return;
      buffer.appendBuffer(joined(this.#queue.splice(0)));
    } catch (error) {
      this.#onFail(error);
    }
  }

  #keepUp() {
    const { buffered, currentTime } = this.#video;
    if (buffered.length === 0) return;
    const end = buffered.end(buffered.length - 1);
    const start = buffered.start(buffered.length - 1);
    const behind = end - currentTime;
    if (currentTime < start || behind > FAR_BEHIND_SECONDS) this.#video.currentTime = Math.max(start, end - LEAD_SECONDS);
    this.#video.playbackRate = behind > BEHIND_SECONDS ? 1.08 : 1;
    if (this.#video.paused) this.#video.play().catch(() => { /* the next picture tries again */ });
    if (currentTime - buffered.start(0) > 2 * KEPT_SECONDS) this.#buffer.remove(0, currentTime - KEPT_SECONDS);
  }

  #nextFrame() {
    if (!this.#isRunning) return;
    if (this.#video.requestVideoFrameCallback !== undefined) {
      this.#video.requestVideoFrameCallback((_now, { mediaTime }) => { this.#nextFrame(); this.#shown(mediaTime * 1e6); });
      return;
    }
    requestAnimationFrame(() => { this.#nextFrame(); this.#shown(this.#video.currentTime * 1e6); });
  }

  /** The frame of this media time is on the screen. */
  #shown(mediaMicros) {
    let head;
    for (const each of this.#heads) if (head === undefined || Math.abs(each.mediaTime - mediaMicros) < Math.abs(head.mediaTime - mediaMicros)) head = each;
    if (head === undefined || head === this.#lastFrame) return;
    this.#lastFrame = head;
    const record = this.#shelf.get(head);
    drawBoxes(this.#context, record, { clears: true });
    this.counts.shown++;
    if (record === undefined) this.counts.withoutRecord++;
    this.#onShown({ head, record, delayMs: 0 });
  }
}

function joined(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.byteLength; }
  return whole;
}
