import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { stamp } from './frame-counter.ts';
import type { NalCodec } from './nal-units.ts';
import { RTP_CLOCK_HZ, rtpStream } from './rtp.ts';
import type { RtpStream } from './rtp.ts';
import type { Credentials } from './rtsp-message.ts';

/** One encoded picture; `pts` counts frames from the start of the content, absent: decode order. */
export interface ContentUnit { readonly data: Uint8Array; readonly isKey: boolean; readonly pts?: number }

/** What a path plays, again from the start at its end. A `Clip` fits. */
export interface Content {
  readonly codec: NalCodec;
  readonly frameRate: number;
  /** Preloaded, or made anew for each round; the first unit is a key unit with its parameter sets. */
  readonly units: readonly ContentUnit[] | (() => AsyncIterable<ContentUnit>);
}

/** How a path behaves when all is well. */
export interface PathOptions {
  readonly content: Content;
  readonly credentials?: Credentials;
  /** Added to the wall clock in sender reports. @default 0 */
  readonly clockSkewMs?: number;
  /** First sender report after PLAY; null: never any. @default 0 */
  readonly firstReportAfterMs?: number | null;
  /** Keeps everything it makes, sent or not, as a camera with a memory card does. @default false */
  readonly isRecording?: boolean;
  /** A new client's first unit is a key unit. @default true */
  readonly startsAtKey?: boolean;
  /** What the camera says of itself instead. @default its streams as they are */
  readonly describe?: (description: string) => string;
  /** How it sends. @default both */
  readonly transport?: 'tcp' | 'udp';
  /** Its answers name the base of its control addresses. @default true */
  readonly namesBase?: boolean;
}

/** Sends a packet of the stream, or of its reports, to one client. */
export type Deliver = (packet: Uint8Array, isReport: boolean) => void;

/** One access unit that went to a playing client. */
export interface SentFrame {
  readonly counter: number;
  readonly sentAtMicros: number;
  readonly isKey: boolean;
  /** Grows with every PLAY on this server. */
  readonly clientSession: number;
  /** The path as the client named it. */
  readonly view?: string;
}

/** A picture as the camera keeps it, by its own clock. */
export interface RecordedFrame { readonly data: Uint8Array; readonly isKey: boolean; readonly capturedMicros: number; readonly counter: number }

/** What can go wrong with a camera. `refuse`, `mute`, `reject`, `slow-start`, `stall` and `skew` last until `clear`; the others happen once. */
export type Fault =
  /** Sockets stay open, nothing more is sent. */
  | { readonly kind: 'stall' }
  /** Sockets of all clients are closed. */
  | { readonly kind: 'close' }
  /** New sessions get their socket closed instead of an answer. */
  | { readonly kind: 'refuse' }
  /** New requests are never answered. */
  | { readonly kind: 'mute' }
  /** Random bytes between the frames on the interleaved stream. */
  | { readonly kind: 'garbage'; readonly sizeBytes?: number }
  /** The payload of the next `frames` units is overwritten from its middle on; they are logged as sent. */
  | { readonly kind: 'damage'; readonly frames: number }
  /** Every login fails. */
  | { readonly kind: 'reject' }
  /** DESCRIBE is answered, and the first frame sent, this much later. */
  | { readonly kind: 'slow-start'; readonly ms: number }
  /** Wall clock of sender reports. */
  | { readonly kind: 'skew'; readonly ms: number }
  /** The next unit comes from here: new size, codec settings or frame rate. */
  | { readonly kind: 'content'; readonly content: Content };

/** A client that sent PLAY. */
export interface Player { readonly session: number; stop(): void }

/** Frames held for a client that does not read; beyond it a camera drops until the next key frame. */
const MAX_BACKLOG_BYTES = 4 << 20;

interface Client {
  readonly session: number;
  readonly view: string;
  readonly skewMs: number;
  readonly socket: Socket;
  readonly deliver: Deliver;
  readonly stream: RtpStream;
  isWaitingForKey: boolean;
  reportsFrom: number;
  startsAt: number;
}

/** One camera: produces frames at its rate whether anyone looks or not, and logs what it sent. */
export interface CameraPath {
  readonly name: string;
  readonly content: Content;
  readonly credentials: Credentials | undefined;
  readonly isRefusing: boolean;
  readonly isMute: boolean;
  readonly isRejecting: boolean;
  readonly slowStartMs: number;
  /** Everything sent, in order, to all clients. */
  readonly sent: readonly SentFrame[];
  /** What it kept, in decode order; empty unless it records. */
  readonly recorded: readonly RecordedFrame[];
  /** Frames produced so far, which is the next counter. */
  readonly produced: number;
  readonly playing: number;
  /** Clients that ever played. */
  readonly plays: number;
  /** A key unit with parameter sets, for SDP. */
  keyUnit(): Promise<Uint8Array>;
  readonly options: PathOptions;
  /** `view`: the path as the client named it; `~ms` at its end is a further skew of the wall clock, for cameras that see the same. */
  play(socket: Socket, deliver: Deliver, client: { readonly session: number; readonly view: string }): Player;
  fault(fault: Fault): void;
  clear(): void;
  close(): void;
}

const wallMicros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Opens a camera below `name`. */
export function cameraPath(name: string, options: PathOptions): CameraPath {
  const clients = new Map<number, Client>();
  const sent: SentFrame[] = [];
  const recorded: RecordedFrame[] = [];
  const state = { faults: new Map<Fault['kind'], Fault>(), content: options.content, damage: 0, produced: 0, plays: 0, isClosed: false };
  const clockBase = randomBytes(4).readUInt32BE(0);
  let feed = contentFeed(state.content);
  const epochMs = performance.now();
  const epochMicros = wallMicros();
  /** Seconds since the start of the path at which the next frame is due, and its RTP time without the reordering offset. */
  let dueSeconds = 0;
  let timer: NodeJS.Timeout | undefined;

  const rtpTime = (seconds: number): number => (clockBase + Math.round(seconds * RTP_CLOCK_HZ)) % 2 ** 32;
  const report = (client: Client, nowMs: number): void => {
    if (nowMs < client.reportsFrom) return;
    client.reportsFrom = nowMs + 1000;
    const skew = state.faults.get('skew');
    const skewMs = client.skewMs + (skew?.kind === 'skew' ? skew.ms : options.clockSkewMs ?? 0);
    client.deliver(client.stream.senderReport(epochMicros + dueSeconds * 1e6 + skewMs * 1000, rtpTime(dueSeconds)), true);
  };
  const send = (unit: ContentUnit, data: Uint8Array, timestamp: number): void => {
    const nowMs = performance.now();
    for (const client of clients.values()) {
      if (nowMs < client.startsAt) continue;
      if (client.socket.writableLength > MAX_BACKLOG_BYTES) client.isWaitingForKey = true;
      if (client.isWaitingForKey && !unit.isKey) continue;
      if (client.socket.writableLength > MAX_BACKLOG_BYTES || client.socket.destroyed) continue;
      client.isWaitingForKey = false;
      client.socket.cork();
      report(client, nowMs);
      for (const packet of client.stream.packetize(data, timestamp)) client.deliver(packet, false);
      client.socket.uncork();
      sent.push({ counter: state.produced, sentAtMicros: wallMicros(), isKey: unit.isKey, clientSession: client.session, view: client.view });
    }
  };
  const tick = async (): Promise<void> => {
    const { unit, position } = await feed.next();
    if (state.isClosed) return;
    const data = damaged(stamp(unit.data, state.produced, state.content.codec), state);
    const period = 1 / state.content.frameRate;
    const reordering = unit.pts === undefined ? 0 : (unit.pts - position) * period;
    if (options.isRecording === true) recorded.push({ data, isKey: unit.isKey, capturedMicros: Math.round(epochMicros + (dueSeconds + reordering) * 1e6 + (options.clockSkewMs ?? 0) * 1000), counter: state.produced });
    if (!state.faults.has('stall')) send(unit, data, rtpTime(dueSeconds + reordering));
    state.produced++;
    dueSeconds += period;
    timer = setTimeout(() => void tick(), Math.max(0, epochMs + dueSeconds * 1000 - performance.now()));
  };
  timer = setTimeout(() => void tick(), 0);

  return {
    name, sent, recorded, options,
    get content() { return state.content; },
    credentials: options.credentials,
    get isRefusing() { return state.faults.has('refuse'); },
    get isMute() { return state.faults.has('mute'); },
    get isRejecting() { return state.faults.has('reject'); },
    get slowStartMs() { const slow = state.faults.get('slow-start'); return slow?.kind === 'slow-start' ? slow.ms : 0; },
    get produced() { return state.produced; },
    get playing() { return clients.size; },
    get plays() { return state.plays; },
    keyUnit: async () => {
      for await (const unit of unitsOf(state.content)) if (unit.isKey) return unit.data;
      throw new Error(`content of path '${name}' has no key unit`);
    },
    play(socket, deliver, { session, view }) {
      const nowMs = performance.now();
      state.plays++;
      const slow = state.faults.get('slow-start');
      clients.set(session, {
        session, view, skewMs: Number(/~(-?\d+)$/.exec(view)?.[1] ?? 0), socket, deliver, stream: rtpStream(state.content.codec), isWaitingForKey: options.startsAtKey ?? true,
        reportsFrom: options.firstReportAfterMs === null ? Infinity : nowMs + (options.firstReportAfterMs ?? 0),
        startsAt: nowMs + (slow?.kind === 'slow-start' ? slow.ms : 0),
      });
      return { session, stop: () => void clients.delete(session) };
    },
    fault(fault) {
      switch (fault.kind) {
        case 'close': for (const client of clients.values()) client.socket.destroy(); return;
        case 'garbage': for (const client of clients.values()) client.socket.write(randomBytes(fault.sizeBytes ?? 4096)); return;
        case 'damage': state.damage += fault.frames; return;
        case 'content': state.content = fault.content; feed = contentFeed(fault.content); return;
        case 'stall': case 'refuse': case 'mute': case 'reject': case 'slow-start': case 'skew': state.faults.set(fault.kind, fault);
      }
    },
    clear: () => state.faults.clear(),
    close() {
      state.isClosed = true;
      clearTimeout(timer);
    },
  };
}

interface Feed { next(): Promise<{ unit: ContentUnit; position: number }> }

/** The units of a content for ever; `position` counts units since the round's start. */
function contentFeed(content: Content): Feed {
  let round = unitsOf(content)[Symbol.asyncIterator]();
  let position = 0;
  return {
    async next() {
      for (;;) {
        const step = await round.next();
        if (step.done !== true) return { unit: step.value, position: position++ };
        if (position === 0) throw new Error('content without units');
        round = unitsOf(content)[Symbol.asyncIterator]();
        position = 0;
      }
    },
  };
}

async function* unitsOf(content: Content): AsyncIterable<ContentUnit> {
  if (typeof content.units === 'function') yield* content.units();
  else yield* content.units;
}

/** Overwrites the second half of the unit while damage is due; values stay clear of start codes. */
function damaged(unit: Uint8Array, state: { damage: number }): Uint8Array {
  if (state.damage <= 0) return unit;
  state.damage--;
  for (let at = unit.length >> 1; at < unit.length; at++) unit[at] = 1 + ((at * 97 + (unit[at] ?? 0)) % 254);
  return unit;
}
