import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import type { NalCodec } from './nal-units.ts';
import { RTP_CLOCK_HZ, rtpStream } from './rtp.ts';
import { answer, sessionDescription, takeRequest, type RtspRequest } from './rtsp-message.ts';
import type { RecordedFrame } from './rtsp-path.ts';

/** How a device asks for a login. */
export interface ReplayLogin { readonly user: string; readonly password: string; readonly scheme: 'basic' | 'MD5' | 'SHA-256'; readonly hasQop?: boolean; readonly isSession?: boolean }

/** A device that replays what it recorded (ONVIF Streaming Specification, "RTSP replay"), on loopback. */
export interface ReplayOptions {
  readonly codec: NalCodec;
  readonly frameRate: number;
  /** Asked for each replay, in decode order: a list may grow meanwhile. */
  readonly frames: () => readonly RecordedFrame[];
  readonly login?: ReplayLogin;
  /** How it says that nothing more comes. @default 'bye' */
  readonly ending?: 'bye' | 'track-end' | 'close' | 'silence';
  /** It knows nothing of replays: 551. */
  readonly isPlain?: boolean;
  /** Leaves the header extension out. */
  readonly isUntimed?: boolean;
  /** Where DESCRIBE is moved to, once. */
  readonly movedTo?: () => string | undefined;
  /** The connection breaks after so many frames, once. */
  readonly breaksAfter?: number;
  /** Seconds of its sessions. @default 60 */
  readonly sessionSeconds?: number;
  /** Bytes of an RTP payload at most are fixed; these come between the frames too: requests to the client, blank lines. */
  readonly isTalkative?: boolean;
}

/** A running device. */
export interface ReplayServer {
  readonly port: number;
  /** Without login. */
  readonly url: string;
  /** Every request, as `METHOD range-or-empty`. */
  readonly requests: readonly string[];
  /** Headers of every PLAY. */
  readonly plays: readonly ReadonlyMap<string, string>[];
  readonly connections: number;
  close(): Promise<void>;
}

const REALM = 'memory card';
const NTP_TO_UNIX_SECONDS = 2_208_988_800;

/** The replay extension: NTP time, and C E D T flags. */
export function replayExtension(micros: number, flags: { readonly isClean?: boolean; readonly isSectionEnd?: boolean; readonly isDiscontinuity?: boolean; readonly isTrackEnd?: boolean }): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(0xabac, 0);
  bytes.writeUInt16BE(3, 2);
  const seconds = Math.floor(micros / 1e6);
  bytes.writeUInt32BE((seconds + NTP_TO_UNIX_SECONDS) >>> 0, 4);
  bytes.writeUInt32BE(Math.floor((micros - seconds * 1e6) * (2 ** 32 / 1e6)) >>> 0, 8);
  bytes[12] = (flags.isClean ? 0x80 : 0) | (flags.isSectionEnd ? 0x40 : 0) | (flags.isDiscontinuity ? 0x20 : 0) | (flags.isTrackEnd ? 0x10 : 0);
  return bytes;
}

/** Starts a device. */
export async function startReplayServer(options: ReplayOptions): Promise<ReplayServer> {
  const requests: string[] = [];
  const plays: ReadonlyMap<string, string>[] = [];
  const sockets = new Set<Socket>();
  const once = { hasBroken: false };
  const listener = createServer(socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const device = new Device(socket, options, once);
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', bytes => {
      pending = Buffer.concat([pending, bytes]);
      for (;;) {
        const { request, rest } = takeRequest(pending);
        pending = rest;
        if (request === null) return;
        if (request.method.startsWith('RTSP/')) continue; // the client's answer to a request of ours
        requests.push(`${request.method} ${request.headers.get('range') ?? ''}`.trim());
        if (request.method === 'PLAY') plays.push(request.headers);
        device.respond(request);
      }
    });
  });
  await new Promise<void>(resolve => { listener.listen(0, '127.0.0.1', resolve); });
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port, url: `rtsp://127.0.0.1:${port}/replay?recording=1`, requests, plays,
    get connections() { return sockets.size; },
    async close() {
      const closed = new Promise<void>(resolve => { listener.close(() => resolve()); });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

class Device {
  readonly #socket: Socket;
  readonly #options: ReplayOptions;
  readonly #once: { hasBroken: boolean };
  readonly #session = randomBytes(6).toString('hex');
  readonly #nonce = randomBytes(8).toString('hex');
  #hasAsked = false;

  constructor(socket: Socket, options: ReplayOptions, once: { hasBroken: boolean }) {
    this.#socket = socket;
    this.#options = options;
    this.#once = once;
  }

  respond(request: RtspRequest): void {
    const { login, isPlain } = this.#options;
    const write = (status: string, headers: Readonly<Record<string, string>> = {}, body = ''): void => { if (!this.#socket.destroyed) this.#socket.write(answer(status, request, headers, body)); };
    if (login !== undefined && request.method !== 'OPTIONS' && !this.#isLetIn(request, login)) { write('401 Unauthorized', { 'WWW-Authenticate': this.#challenge(login) }); return; }
    if (request.headers.get('require') === 'onvif-replay' && isPlain === true) { write('551 Option not supported', { Unsupported: 'onvif-replay' }); return; }
    const named = { Session: `${this.#session};timeout=${this.#options.sessionSeconds ?? 60}` };
    switch (request.method) {
      case 'DESCRIBE': {
        const moved = this.#options.movedTo?.();
        const key = this.#options.frames().find(({ isKey }) => isKey);
        if (moved !== undefined) write('302 Moved', { Location: moved });
        else if (key === undefined) write('404 Not Found');
        else write('200 OK', { 'Content-Base': request.url, 'Content-Type': 'application/sdp' }, sessionDescription(this.#options.codec, key.data, this.#options.frameRate));
        return;
      }
      case 'SETUP': write('200 OK', { ...named, Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' }); return;
      case 'PLAY': this.#play(request, write, named); return;
      case 'TEARDOWN': write('200 OK', named); this.#socket.end(); return;
      default: write('200 OK', named);
    }
  }

  #play(request: RtspRequest, write: (status: string, headers?: Readonly<Record<string, string>>) => void, named: Readonly<Record<string, string>>): void {
    const [, from, to] = /^clock=([\dTZ.]+)-([\dTZ.]*)$/.exec(request.headers.get('range') ?? '') ?? [];
    const frames = this.#options.frames();
    const fromMicros = from === undefined ? NaN : microsOf(from);
    const toMicros = to === undefined || to === '' ? Infinity : microsOf(to);
    // From the key frame at or before the time asked for (5.3.3 of the specification); the whole GOPs up to the end of the range.
    const start = Math.max(0, frames.findLastIndex(frame => frame.isKey && frame.capturedMicros <= fromMicros));
    const wanted = frames.slice(start).filter(({ capturedMicros }) => capturedMicros < toMicros);
    if (!Number.isFinite(fromMicros) || wanted.every(({ capturedMicros }) => capturedMicros < fromMicros)) { write('457 Invalid Range', named); return; }
    write('200 OK', { ...named, Range: request.headers.get('range') ?? '' });
    void this.#send(wanted);
  }

  async #send(frames: readonly RecordedFrame[]): Promise<void> {
    const { codec, ending = 'bye', isUntimed, breaksAfter, isTalkative } = this.#options;
    const stream = rtpStream(codec);
    const base = randomBytes(4).readUInt32BE(0);
    for (const [index, frame] of frames.entries()) {
      if (this.#socket.destroyed) return;
      if (breaksAfter !== undefined && index >= breaksAfter && !this.#once.hasBroken) {
        this.#once.hasBroken = true;
        this.#socket.end();
        return;
      }
      const isLast = index === frames.length - 1;
      const extension = isUntimed === true ? undefined : replayExtension(frame.capturedMicros, { isClean: frame.isKey, isTrackEnd: isLast && ending === 'track-end', isDiscontinuity: index === 0 });
      const timestamp = (base + Math.round((frame.capturedMicros - frames[0]!.capturedMicros) * RTP_CLOCK_HZ / 1e6)) % 2 ** 32;
      if (isTalkative === true && index % 3 === 1) this.#socket.write('\r\nOPTIONS * RTSP/1.0\r\nCSeq: 99\r\n\r\n');
      for (const packet of stream.packetize(frame.data, timestamp, extension)) this.#interleave(0, packet);
      if (index % 3 === 0) this.#interleave(1, stream.senderReport(frame.capturedMicros, timestamp));
      if (this.#socket.writableNeedDrain) await new Promise<void>(resolve => { this.#socket.once('drain', resolve); this.#socket.once('close', resolve); });
    }
    if (ending === 'bye') this.#interleave(1, stream.goodbye());
    if (ending === 'close') this.#socket.end();
  }

  #interleave(channel: number, packet: Uint8Array): void {
    const head = Buffer.from([0x24, channel, packet.length >> 8, packet.length & 255]);
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat([head, packet]));
  }

  #challenge({ scheme, hasQop, isSession }: ReplayLogin): string {
    if (scheme === 'basic') return `Basic realm="${REALM}"`;
    return `Digest realm="${REALM}", nonce="${this.#nonce}", algorithm=${scheme}${isSession ? '-sess' : ''}${hasQop ? ', qop="auth,auth-int"' : ''}, opaque="o"${this.#hasAsked ? ', stale=false' : ''}`;
  }

  /** RFC 7616 section 3.4.1, worked out here again, so that two mistakes cannot agree. */
  #isLetIn(request: RtspRequest, { user, password, scheme, hasQop, isSession }: ReplayLogin): boolean {
    this.#hasAsked = true;
    const header = request.headers.get('authorization') ?? '';
    if (scheme === 'basic') return header === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const field = (name: string): string => new RegExp(`\\b${name}=(?:"([^"]*)"|([^,\\s]*))`).exec(header)?.slice(1).find(value => value !== undefined) ?? '';
    const hash = (...parts: string[]): string => createHash(scheme === 'MD5' ? 'md5' : 'sha256').update(parts.join(':')).digest('hex');
    const plain = hash(user, REALM, password);
    const secret = isSession ? hash(plain, this.#nonce, field('cnonce')) : plain;
    const uri = hash(request.method, field('uri'));
    const expected = hasQop ? hash(secret, this.#nonce, field('nc'), field('cnonce'), 'auth', uri) : hash(secret, this.#nonce, uri);
    return field('response') === expected && field('uri') === request.url && field('username') === user && field('opaque') === 'o';
  }
}

/** `20261124T010000.000Z`. */
function microsOf(text: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d(?:\.\d+)?)Z$/.exec(text) ?? [];
  return Math.round(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`) * 1000 + Number(second) * 1e6);
}
