import { lookup, type LookupAddress } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { Limiter } from '../engine/limiter.ts';
import { encodeLogin, redactUri } from '../utility-ops/redact-uri.ts';

/** What is asked whether it is there. */
export interface KnockRequest {
  /** For messages. */
  readonly label: string;
  readonly door: Door;
  readonly clock: Clock;
  /** No answer for so long is none. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Asks a camera whether it is there. @throws PlatformError SOURCE_UNREACHABLE with fact `isAway`; the signal's reason */
export type Knock = (request: KnockRequest) => Promise<void>;

/** Where a camera listens, and what it is asked. */
export interface Door {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The URI without login and query, as a request line may hold it. */
  readonly target: string;
  readonly lookup: LookupFunction;
}

/** libav's own (libavformat, rtsp.h). */
const PORTS: Readonly<Record<string, number>> = { rtsp: 554, rtsps: 322 };

/** A connection that a camera under way to its start did not see is not repeated by the kernel before a second is over: we do it sooner. */
const REPEAT_MS = 500;

/** `RTSP/1.0 200`: so much of an answer is read (RFC 2326 section 7.1). */
const STATUS_BYTES = 12;
const STATUS = /^RTSP\/\d\.\d \d{3}$/;

/** Names are resolved in libuv's threads: so many of them at a time are let go to unreachable name servers. */
const lookups = new Limiter(2);
const ADDRESS_MS = 30_000;
const NO_ADDRESS_MS = 1_000;

/**
 * Where the camera of a URI listens; undefined when the URI names no host or no port that can be.
 * Addresses of a name are kept for half a minute.
 */
export function doorOf(uri: string, clock: Clock): Door | undefined {
  const parts = /^(?<scheme>rtsps?):\/\/(?:[^/@]*@)?(?:\[(?<ip6>[^\]]*)\]|(?<name>[^/:?#@[\]]*))(?::(?<port>\d*))?(?<path>(?:\/[^?#]*)?)(?:[?#].*)?$/is.exec(encodeLogin(uri))?.groups;
  if (parts === undefined) return undefined;
  const { scheme = '', port, path = '' } = parts;
  const host = parts['ip6'] ?? parts['name'] ?? '';
  const number = port === undefined || port === '' ? PORTS[scheme.toLowerCase()] ?? 0 : Number(port);
  if (host === '' || number < 1 || number > 65_535) return undefined;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    host, port: number, isTls: scheme.toLowerCase() === 'rtsps', lookup: addressBook(clock),
    target: printable(redactUri(`${scheme}://${shown}:${number}${path === '' ? '/' : path}`)),
  };
}

function printable(text: string): string {
  return text.replace(/[^\u0021-\u007e]/g, character => [...Buffer.from(character)].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join(''));
}

/**
 * Connects and sends `OPTIONS` without any login (RFC 2326 section 10.1), which is what libav begins with too: any RTSP status line, also one that
 * refuses, means that opening a session is worth a thread. Plain sockets: waiting costs no thread.
 */
export const knock: Knock = ({ label, door, clock, limitMs, signal }) => new Promise((resolve, reject) => {
  if (signal.aborted) { reject(signal.reason); return; }
  const over = new AbortController();
  const sockets = new Set<Socket>();
  const end = (settle: () => void): void => {
    if (over.signal.aborted) return;
    over.abort(OVER);
    signal.removeEventListener('abort', onAbort);
    for (const socket of sockets) socket.destroy();
    settle();
  };
  const onAbort = (): void => end(() => reject(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  const none = (why: string, cause?: unknown): void => end(() => reject(away(label, why, cause)));
  void (async () => {
    for (let leftMs = limitMs; leftMs > 0; leftMs -= REPEAT_MS) {
      sockets.add(ask(door, { answered: () => end(resolve), none }));
      await clock.sleep(Math.min(REPEAT_MS, leftMs), over.signal);
    }
    none(`no answer within ${Math.round(limitMs)} ms`);
  })().catch(() => { /* it answered, or not, while this waited */ });
});

/** A reason of its own, or the abort makes an exception with a stack. */
const OVER = new Error('it has answered, or not');

/** The error of a camera that is not there. */
export function away(label: string, why: string, cause?: unknown): PlatformError {
  return new PlatformError('SOURCE_UNREACHABLE', `${label} is not there: ${why}`, { isAway: true }, cause);
}

/** True when the camera did not even answer, so that asking again costs it and us next to nothing. */
export function isAway(error: unknown): boolean {
  return error instanceof PlatformError && error.facts['isAway'] === true;
}

interface Outcome { answered(): void; none(why: string, cause?: unknown): void }

function ask({ host, port, isTls, target, lookup: addresses }: Door, { answered, none }: Outcome): Socket {
  const where = { host, port, lookup: addresses };
  const socket = isTls ? connectTls({ ...where, rejectUnauthorized: false, ...isIP(host) === 0 && { servername: host } }) : connect(where);
  let head = '';
  socket.setNoDelay(true);
  socket.once(isTls ? 'secureConnect' : 'connect', () => socket.write(`OPTIONS ${target} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: vto\r\n\r\n`));
  socket.on('data', (bytes: Buffer) => {
    head += bytes.toString('latin1', 0, STATUS_BYTES - head.length);
    if (head.length < STATUS_BYTES) return;
    if (STATUS.test(head)) answered();
    else none('it does not speak RTSP');
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const code = error.code ?? error.message;
    // Whoever speaks another TLS than ours is there: whether libav can read it is for libav to say.
    if (/^(?:ERR_SSL|ERR_TLS|EPROTO)/.test(code)) answered();
    else none(code, error);
  });
  socket.on('close', () => none('it closed the connection'));
  return socket;
}

/** The addresses of the one host it is asked for, kept for a while; one look-up at a time. */
export function addressBook(clock: Clock): LookupFunction {
  let known: { readonly found: Promise<readonly LookupAddress[]>; untilMs: number } | undefined;
  const find = (host: string): Promise<readonly LookupAddress[]> => {
    if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.found;
    const found = lookups.run(() => new Promise<readonly LookupAddress[]>((resolve, reject) => {
      lookup(host, { all: true }, (error, addresses) => { if (error) reject(error); else resolve(addresses); });
    }));
    const entry = { found, untilMs: Number.POSITIVE_INFINITY };
    known = entry;
    found.then(() => { entry.untilMs = clock.monotonicMs() + ADDRESS_MS; }, () => { entry.untilMs = clock.monotonicMs() + NO_ADDRESS_MS; });
    return found;
  };
  return (host, options, callback) => {
    find(host).then(addresses => {
      const [first] = addresses;
      if (options.all === true) callback(null, [...addresses]);
      else if (first === undefined) callback(Object.assign(new Error(`no address of ${host}`), { code: 'ENOTFOUND' }), '');
      else callback(null, first.address, first.family);
    }, (error: NodeJS.ErrnoException) => callback(error, ''));
  };
}
