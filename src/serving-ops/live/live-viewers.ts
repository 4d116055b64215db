import type { ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import type { PlatformError } from '../../engine/errors.ts';
import { fragmentHeadAt } from '../../messages/fragment-times.ts';
import type { LiveStart, LiveUnit } from '../../messages/live-item.ts';
import { LIVE_HEAD_BYTES, readLiveHead, writeLiveHead } from '../../messages/live-message.ts';
import { problemOf } from '../problem.ts';
import type { LiveViewer } from './live-hub.ts';
import { ViewerGate } from './viewer-gate.ts';

/** What the bytes of units are: as WebCodecs takes them, or fragments of MP4. */
export type LiveFormat = 'units' | 'fmp4';

/** What a viewer is told besides. */
export interface ViewerHooks {
  /** A unit was left out because the viewer is slow. */
  onDrop(): void;
}

/** WebSocket close codes of applications are 4000 to 4999 (RFC 6455, 7.4.2): ours are 4000 and the HTTP status. */
export const CLOSE_BASE = 4000;
const GOING_AWAY = 1001;

/** The text that begins a stream, and every part of it that must be decoded anew. */
export function startText(start: LiveStart, format: LiveFormat): string {
  const { epoch, codec, codecString, width, height, timeBase, frameRate, description } = start;
  return JSON.stringify({
    type: 'start', version: 1, format, epoch, codec: codecString, codecName: codec, width, height, timeBase, frameRate,
    mime: codecString === null ? null : `video/mp4; codecs="${codecString}"`, description: Buffer.from(description).toString('base64'),
  });
}

/** A viewer on a WebSocket. */
export class SocketViewer implements LiveViewer {
  readonly wantsRecords = true;
  readonly #socket: WebSocket;
  readonly #format: LiveFormat;
  readonly #gate: ViewerGate;
  #start: LiveStart | undefined;
  /** Ticks at which the media time line of this viewer begins. */
  #origin: number | undefined;

  constructor(socket: WebSocket, format: LiveFormat, hooks: ViewerHooks) {
    this.#socket = socket;
    this.#format = format;
    this.#gate = new ViewerGate(() => socket.bufferedAmount, () => hooks.onDrop());
  }

  start(start: LiveStart): void {
    if (this.#start !== undefined && this.#origin !== undefined && start.timescale !== this.#start.timescale) this.#origin = this.#origin * start.timescale / this.#start.timescale;
    this.#start = start;
    this.#gate.restart();
    this.#socket.send(startText(start, this.#format));
    if (this.#format === 'fmp4') this.#socket.send(initMessage(start));
  }

  unit(unit: LiveUnit, isBacklog: boolean): void {
    const { isPassed, dropped } = this.#gate.pass(unit, isBacklog);
    if (dropped > 0) this.#tellGap('slow', dropped);
    if (!isPassed) return;
    if (this.#format === 'units') { this.#socket.send(unit.message); return; }
    this.#origin ??= unit.decodeTicks;
    this.#socket.send(this.#fragmentHead(unit, Math.max(0, Math.round(unit.decodeTicks - this.#origin))), { binary: true, fin: false });
    this.#socket.send(unit.message.subarray(LIVE_HEAD_BYTES), { binary: true, fin: true });
  }

  gap(reason: string, units: number): void {
    this.#gate.restart();
    this.#tellGap(reason, units);
  }

  record(json: string): void { this.#socket.send(json); }

  end(error: PlatformError): void {
    const problem = problemOf(error);
    this.#socket.send(JSON.stringify({ type: 'end', problem }));
    this.#socket.close(error.code === 'SHUTTING_DOWN' ? GOING_AWAY : CLOSE_BASE + problem.status, problem.code);
  }

  #tellGap(reason: string, units: number): void {
    this.#socket.send(JSON.stringify({ type: 'gap', reason, units }));
  }

  /** Our head with the time line of this viewer, then the head of the fragment. */
  #fragmentHead(unit: LiveUnit, decodeTicks: number): Uint8Array {
    const fragmentHead = fragmentHeadAt(unit.fragmentHead, decodeTicks);
    const bytes = new Uint8Array(LIVE_HEAD_BYTES + fragmentHead.byteLength);
    const presentationTicks = decodeTicks + unit.presentationTicks - unit.decodeTicks;
    writeLiveHead(bytes, { ...readLiveHead(unit.message), mediaTime: presentationTicks * 1e6 / (this.#start?.timescale ?? 1) });
    bytes.set(fragmentHead, LIVE_HEAD_BYTES);
    return bytes;
  }
}

function initMessage({ header, epoch }: LiveStart): Uint8Array {
  const bytes = new Uint8Array(LIVE_HEAD_BYTES + header.byteLength);
  writeLiveHead(bytes, { isKey: false, isCorrupt: false, isAfterGap: false, isInit: true, frameSeq: 0, epoch, pts: 0, capturedAt: 0, arrivedAt: 0, mediaTime: 0, duration: 0 });
  bytes.set(header, LIVE_HEAD_BYTES);
  return bytes;
}

/** Units in a row that a reader may be too slow for: more than half a minute of any camera. */
const REFUSED_MAX = 2_000;

/** A viewer of a progressive MP4 that does not end: one fragment a picture. A stream that changes ends it; the client asks again. */
export class FileViewer implements LiveViewer {
  readonly wantsRecords = false;
  readonly #response: ServerResponse;
  readonly #gate: ViewerGate;
  readonly #onStart: () => void;
  readonly #onEnd: (error: PlatformError | undefined) => void;
  #header: Uint8Array | undefined;
  #refused = 0;
  #origin: number | undefined;

  /** @param ends `onStart` before the first byte, `onEnd` when nothing follows: with an error, or because the stream changed */
  constructor(response: ServerResponse, hooks: ViewerHooks, ends: { readonly onStart: () => void; readonly onEnd: (error: PlatformError | undefined) => void }) {
    this.#response = response;
    this.#gate = new ViewerGate(() => response.writableLength, () => hooks.onDrop());
    this.#onStart = ends.onStart;
    this.#onEnd = ends.onEnd;
  }

  start({ header }: LiveStart): void {
    if (this.#header === undefined) {
      this.#onStart();
      this.#header = header;
      this.#response.write(header);
    } else if (Buffer.compare(this.#header, header) !== 0) this.#onEnd(undefined);
    else this.#gate.restart();
  }

  unit(unit: LiveUnit, isBacklog: boolean): void {
    if (this.#header === undefined) return;
    if (!this.#gate.pass(unit, isBacklog).isPassed) {
      if (++this.#refused > REFUSED_MAX) this.#response.destroy(); // it does not read at all
      return;
    }
    this.#refused = 0;
    this.#origin ??= unit.decodeTicks;
    this.#response.cork();
    this.#response.write(fragmentHeadAt(unit.fragmentHead, Math.max(0, unit.decodeTicks - this.#origin)));
    this.#response.write(unit.message.subarray(LIVE_HEAD_BYTES));
    this.#response.uncork();
  }

  gap(): void { this.#gate.restart(); }

  record(): void { /* not asked for */ }

  end(error: PlatformError): void { this.#onEnd(error); }
}
