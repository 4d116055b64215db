import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import { PlatformError } from '../../engine/errors.ts';
import { withTimeout } from '../../engine/timers.ts';
import type { SourceContext } from '../source.ts';
import type { Login } from '../login.ts';
import { authorization, bestChallenge, type Challenge } from './digest.ts';
import { RtspWire, type RtspHeaders, type RtspItem } from './rtsp-wire.ts';

/** An answer of the device. */
export type RtspAnswer = Extract<RtspItem, { kind: 'answer' }>;
/** Bytes of an interleaved channel. */
export type RtspPacket = Extract<RtspItem, { kind: 'packet' }>;

/** Where to connect. `url`: without login. */
export interface RtspAddress { readonly url: string; readonly host: string; readonly port: number; readonly isTls: boolean; readonly login: Login | undefined }

/** What a connection works with. */
export interface RtspConnectionOptions {
  readonly address: RtspAddress;
  /** For messages: without login. */
  readonly label: string;
  readonly ctx: SourceContext;
  /** Connecting, and each answer, may take this long. */
  readonly timeoutMs: number;
}

/** Bytes of packets that wait to be read before the device is made to wait (TCP holds it back). */
const WAITING_MAX_BYTES = 4 << 20;
/** Requests without an answer: a device that answers none of so many answers none. */
const PENDING_MAX = 32;

/**
 * Splits an RTSP URI.
 * @throws PlatformError CONFIG_INVALID when it is none
 */
export function rtspAddress(uri: string, fallback?: Login): RtspAddress {
  let parsed: URL;
  try {
    parsed = new URL(uri.trim());
  } catch (error) {
    throw new PlatformError('CONFIG_INVALID', 'the replay address is no URI', {}, error);
  }
  const isTls = parsed.protocol === 'rtsps:';
  if ((!isTls && parsed.protocol !== 'rtsp:') || parsed.hostname === '') throw new PlatformError('CONFIG_INVALID', `'${parsed.protocol}' is no replay address: rtsp and rtsps are`, {});
  const login = parsed.username === '' ? fallback : { user: decoded(parsed.username), password: decoded(parsed.password) };
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  return { url: parsed.href, host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(parsed.port || (isTls ? 322 : 554)), isTls, login };
}

/** One connection to a device: requests with their answers, and the packets between them. Whoever opens it closes it. */
export class RtspConnection {
  readonly #options: RtspConnectionOptions;
  readonly #socket: Socket;
  readonly #wire = new RtspWire();
  readonly #pending = new Map<number, { resolve(answer: RtspAnswer): void; reject(error: unknown): void }>();
  readonly #packets: RtspPacket[] = [];
  readonly #aborts = new AbortGroup();
  #waitingBytes = 0;
  #reader: Wait<RtspPacket | undefined> | undefined;
  #sequence = 0;
  #challenge: Challenge | undefined;
  #nonceUses = 0;
  #failure: PlatformError | undefined;
  #isClosed = false;

  private constructor(options: RtspConnectionOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', error => this.#fail(unreachable(`${options.label} broke the connection: ${error.message}`, error)));
    socket.on('close', () => this.#fail(unreachable(`${options.label} closed the connection`)));
  }

  /**
   * Connects. Over TLS the certificate is not checked, as cameras sign their own.
   * @throws PlatformError SOURCE_UNREACHABLE; the signal's reason
   */
  static async open(options: RtspConnectionOptions, signal: AbortSignal): Promise<RtspConnection> {
    const { address: { host, port, isTls }, label, timeoutMs, ctx } = options;
    signal.throwIfAborted();
    const socket = isTls ? connectTls({ host, port, rejectUnauthorized: false }) : connectTcp({ host, port });
    const abort = (): void => { socket.destroy(); };
    signal.addEventListener('abort', abort, { once: true });
    try {
      const connected = new Promise<void>((resolve, reject) => {
        socket.once(isTls ? 'secureConnect' : 'connect', () => resolve());
        socket.once('error', error => reject(unreachable(`${label} cannot be reached: ${error.message}`, error)));
        socket.once('close', () => reject(unreachable(`${label} closed the connection`)));
      });
      connected.catch(() => { /* the time may be over before it fails */ });
      await withTimeout(connected, timeoutMs, ctx.clock, unreachable(`${label} did not answer within ${timeoutMs} ms`));
      socket.setNoDelay(true);
      return new RtspConnection(options, socket);
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /**
   * Sends a request and resolves with its answer, whatever its status; a challenge that can be met is met.
   * @throws PlatformError SOURCE_UNREACHABLE when no answer comes, SOURCE_REFUSED when the login is missing or wrong; the signal's reason
   */
  async request(method: string, url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RtspAnswer> {
    const { label, address: { login } } = this.#options;
    for (let tries = 0; ; tries += 1) {
      const answer = await this.#exchange(method, url, headers, signal);
      if (answer.status !== 401) return answer;
      const challenge = bestChallenge(answer.headers.get('www-authenticate') ?? []);
      if (login === undefined) throw new PlatformError('SOURCE_REFUSED', `${label} wants user and password`, { status: 401 });
      if (challenge === undefined) throw new PlatformError('SOURCE_REFUSED', `${label} wants a login of a kind that is not known here`, { status: 401 });
      const isStale = challenge.scheme === 'digest' && challenge.isStale;
      if (tries >= 2 || (tries === 1 && !isStale)) throw new PlatformError('SOURCE_REFUSED', `${label} refuses user or password`, { status: 401 });
      this.#challenge = challenge;
      this.#nonceUses = 0;
    }
  }

  /** Sends a request whose answer nobody waits for. */
  tell(method: string, url: string, headers: Readonly<Record<string, string>>): void {
    if (this.#failure === undefined && !this.#isClosed) this.#write(method, url, headers).catch(() => { /* the connection says so itself */ });
  }

  /** The next packet if it is there; undefined when there is none to take without waiting. */
  waitingPacket(): RtspPacket | undefined {
    const packet = this.#packets.shift();
    if (packet === undefined) return undefined;
    this.#waitingBytes -= packet.payload.length;
    if (this.#waitingBytes < WAITING_MAX_BYTES / 2 && this.#socket.isPaused()) this.#socket.resume();
    return packet;
  }

  /**
   * The next packet; undefined once the connection is closed here.
   * @throws PlatformError SOURCE_UNREACHABLE when the device has closed it; the signal's reason
   */
  async packet(signal: AbortSignal): Promise<RtspPacket | undefined> {
    signal.throwIfAborted();
    const packet = this.waitingPacket();
    if (packet !== undefined) return packet;
    if (this.#isClosed) return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#reader !== undefined) throw new Error('two readers of one RTSP connection');
    const wait = new Wait<RtspPacket | undefined>(this.#aborts, signal);
    this.#reader = wait;
    try {
      return await wait.promise;
    } finally {
      this.#reader = undefined;
    }
  }

  /** Idempotent; what waits ends. */
  close(): void {
    this.#isClosed = true;
    this.#reader?.resolve(undefined);
    this.#socket.destroy();
    this.#rejectPending(unreachable(`the connection to ${this.#options.label} is closed`));
  }

  async #exchange(method: string, url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RtspAnswer> {
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    const { label, timeoutMs, ctx } = this.#options;
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await withTimeout(Promise.race([this.#write(method, url, headers), aborted.promise]), timeoutMs, ctx.clock, unreachable(`${label} did not answer ${method} within ${timeoutMs} ms`));
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #write(method: string, url: string, headers: Readonly<Record<string, string>>): Promise<RtspAnswer> {
    if (this.#pending.size >= PENDING_MAX) return Promise.reject(unreachable(`${this.#options.label} answers nothing`));
    const sequence = this.#sequence += 1;
    const answer = Promise.withResolvers<RtspAnswer>();
    answer.promise.catch(() => { /* whoever waits for it may have gone */ });
    this.#pending.set(sequence, answer);
    const lines = [`${method} ${url} RTSP/1.0`, `CSeq: ${sequence}`, 'User-Agent: vto', ...Object.entries({ ...headers, ...this.#authorization(method, url) }).map(([name, value]) => `${name}: ${value}`)];
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    return answer.promise;
  }

  #authorization(method: string, uri: string): Readonly<Record<string, string>> {
    const { address: { login }, ctx } = this.#options;
    if (this.#challenge === undefined || login === undefined) return {};
    this.#nonceUses += 1;
    const clientNonce = Math.floor(ctx.random.next() * 2 ** 32).toString(16).padStart(8, '0');
    return { Authorization: authorization(this.#challenge, login, { method, uri, count: this.#nonceUses, clientNonce }) };
  }

  #receive(bytes: Buffer): void {
    try {
      for (const item of this.#wire.take(bytes)) {
        if (item.kind === 'packet') this.#queue(item);
        else if (item.kind === 'answer') this.#answered(item);
        else this.#reply(item.headers);
      }
    } catch (error) {
      this.#fail(error instanceof PlatformError ? error : unreachable(`${this.#options.label} sent bytes that cannot be read`, error));
    }
  }

  #answered(answer: RtspAnswer): void {
    if (answer.status < 200) return; // 100 Continue
    const said = answer.headers.get('cseq')?.[0];
    const [oldest] = this.#pending.keys();
    const sequence = said === undefined ? oldest : Number(said); // some devices forget the number: they answer in order
    if (sequence === undefined) return;
    const waiting = this.#pending.get(sequence);
    this.#pending.delete(sequence);
    waiting?.resolve(answer);
  }

  #queue(packet: RtspPacket): void {
    if (this.#reader !== undefined) { this.#reader.resolve(packet); this.#reader = undefined; return; }
    this.#packets.push(packet);
    this.#waitingBytes += packet.payload.length;
    if (this.#waitingBytes > WAITING_MAX_BYTES) this.#socket.pause();
  }

  /** Whatever the device asks of us (OPTIONS, SET_PARAMETER, ANNOUNCE) is taken note of. */
  #reply(headers: RtspHeaders): void {
    const sequence = headers.get('cseq')?.[0] ?? '0';
    if (/^\d{1,10}$/.test(sequence)) this.#socket.write(`RTSP/1.0 200 OK\r\nCSeq: ${sequence}\r\n\r\n`);
  }

  #fail(error: PlatformError): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#rejectPending(error);
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  #rejectPending(error: PlatformError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function unreachable(message: string, cause?: unknown): PlatformError {
  return new PlatformError('SOURCE_UNREACHABLE', message, {}, cause);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
