// Shows encoded pictures with WebCodecs on a canvas, each with the boxes of its own frame.
import { drawBoxes } from './live-boxes.js';

/** Pictures are shown this much after they came, so that their detections are there; longer where those take longer, up to the limit. */
const DELAY_MS = 60;
const DELAY_MAX_MS = 120;
/** Decoded pictures that wait to be shown. Each is some megabytes. */
const WAITING_MAX = 12;
/** A decoder that is so far behind goes on at the next key frame: a slow machine shows less, not later. */
const BEHIND_MAX_MS = 700;

/** True where the browser has what this needs: only pages of secure contexts do. */
export function canDecode() {
  return typeof VideoDecoder === 'function' && isSecureContext;
}

/** When pictures are due: their own clock, laid where the promptest of the last seconds came. */
class Pace {
  #windows = [Infinity, Infinity];
  #since = performance.now();

  /** Milliseconds of performance.now() at which a picture of this PTS came at the earliest. */
  place(ptsMs, nowMs) {
    if (nowMs - this.#since > 5_000) { this.#windows = [Infinity, this.#windows[0]]; this.#since = nowMs; }
    this.#windows[0] = Math.min(this.#windows[0], nowMs - ptsMs);
    return ptsMs + Math.min(...this.#windows);
  }
}

export class CodecPlayer {
  #canvas;
  #context;
  #shelf;
  #onShown;
  #onFail;
  #decoder;
  #isJpeg = false;
  #needsKey = true;
  #heads = new Map();
  #waiting = [];
  #pace = new Pace();
  #delayMs = DELAY_MS;
  #isRunning = true;
  counts = { decoded: 0, shown: 0, skipped: 0, dropped: 0, withoutRecord: 0 };

  /** `onShown({head, record, delayMs})` for each picture on the screen; `onFail(error)` when it cannot be decoded. */
  constructor({ shelf, onShown, onFail }) {
    this.#canvas = document.createElement('canvas');
    this.#context = this.#canvas.getContext('2d', { alpha: false });
    this.#shelf = shelf;
    this.#onShown = onShown;
    this.#onFail = onFail;
    requestAnimationFrame(() => this.#draw());
  }

  get element() { return this.#canvas; }

  /** Takes a `start` message. */
  async start(message) {
    this.#reset();
    this.#canvas.width = message.width || 1280;
    this.#canvas.height = message.height || 720;
    this.#isJpeg = message.codecName === 'mjpeg';
    if (this.#isJpeg) return;
    const config = { codec: message.codec, optimizeForLatency: true, ...message.description !== '' && { description: Uint8Array.from(atob(message.description), character => character.charCodeAt(0)) } };
    const decoder = new VideoDecoder({
      output: picture => this.#decoded(picture),
      error: error => { if (this.#decoder === decoder) { this.#decoder = undefined; this.#onFail(error); } },
    });
    this.#decoder = decoder;
    decoder.configure(config);
  }

  /** Units were left out: a key frame follows. */
  gap() { this.#needsKey = true; }

  /** Takes a picture. */
  picture(head) {
    if (this.#isJpeg) { void this.#showJpeg(head); return; }
    const decoder = this.#decoder;
    if (decoder === undefined || decoder.state !== 'configured') return;
    if (head.isAfterGap || this.#behindMs() > BEHIND_MAX_MS) this.#needsKey = true;
    if (this.#needsKey && !head.isKey) { this.counts.dropped++; return; }
    this.#needsKey = false;
    const heads = this.#heads.get(head.pts) ?? [];
    heads.push({ head, arrivedMs: performance.now() });
    this.#heads.set(head.pts, heads);
    if (this.#heads.size > 256) this.#heads.delete(this.#heads.keys().next().value);
    decoder.decode(new EncodedVideoChunk({ type: head.isKey ? 'key' : 'delta', timestamp: head.pts, duration: head.duration, data: head.bytes }));
  }

  /** For how long the oldest picture in the decoder has been there. */
  #behindMs() {
    const [oldest] = this.#heads.values().next().value ?? [];
    return oldest === undefined ? 0 : performance.now() - oldest.arrivedMs;
  }

  close() {
    this.#isRunning = false;
    this.#reset();
    this.#canvas.remove();
  }

  async #showJpeg(head) {
    const arrivedMs = performance.now();
    const picture = await createImageBitmap(new Blob([head.bytes], { type: 'image/jpeg' })).catch(() => undefined);
    if (picture === undefined) this.counts.dropped++;
    else this.#enqueue({ head, arrivedMs }, picture);
  }

  #decoded(picture) {
    const heads = this.#heads.get(picture.timestamp);
    const known = heads?.shift();
    if (heads?.length === 0) this.#heads.delete(picture.timestamp);
    if (known === undefined) { picture.close(); return; }
    this.#enqueue(known, picture);
  }

  #enqueue({ head, arrivedMs }, picture) {
    this.counts.decoded++;
    this.#waiting.push({ head, picture, arrivedMs, placeMs: this.#pace.place(head.pts / 1_000, arrivedMs) });
    if (this.#waiting.length > WAITING_MAX) { this.#waiting.shift().picture.close(); this.counts.skipped++; }
  }

  /** Shows the newest picture that is due. */
  #draw() {
    if (!this.#isRunning) return;
    requestAnimationFrame(() => this.#draw());
    const nowMs = performance.now();
    let due;
    while (this.#waiting.length > 0 && this.#waiting[0].placeMs + this.#delayMs <= nowMs) {
      if (due !== undefined) { due.picture.close(); this.counts.skipped++; }
      due = this.#waiting.shift();
    }
    if (due === undefined) return;
    const { head, picture } = due;
    const record = this.#shelf.get(head);
    this.#learn(record);
    this.#context.drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
    picture.close();
    if (record) drawBoxes(this.#context, record, { clears: false });
    this.counts.shown++;
    if (record === undefined) this.counts.withoutRecord++;
    this.#onShown({ head, record, delayMs: this.#delayMs });
  }

  /** Waits a little longer after each frame whose record was late, and slowly less again. */
  #learn(record) {
    if (record === undefined) this.#delayMs = Math.min(DELAY_MAX_MS, this.#delayMs + 4);
    else this.#delayMs = Math.max(DELAY_MS, this.#delayMs - 0.02);
  }

  #reset() {
    for (const { picture } of this.#waiting.splice(0)) picture.close();
    this.#heads.clear();
    this.#needsKey = true;
    this.#pace = new Pace();
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = undefined;
  }
}
