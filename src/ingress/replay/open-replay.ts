import { PlatformError } from '../../engine/errors.ts';
import { deferred } from '../../engine/timers.ts';
import type { SourceContext } from '../source.ts';
import type { Login } from '../login.ts';
import { RtspConnection, rtspAddress, type RtspAddress, type RtspAnswer } from './rtsp-connection.ts';
import { describedVideo, type VideoDescription } from './sdp.ts';

/** What to replay. */
export interface ReplayRequest {
  /** `rtsp://` or `rtsps://`, with login where the device wants one. */
  readonly uri: string;
  /** Login where the URI has none. */
  readonly login?: Login | undefined;
  /** For messages: without login. */
  readonly label: string;
  /** From when to when, by the device's clock, microseconds since the Unix epoch. It begins with the key frame before. */
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly ctx: SourceContext;
  /** Connecting, and each answer, may take this long. */
  readonly timeoutMs: number;
}

/** A recording that is being sent. Whoever opens it closes it. */
export interface Replay {
  readonly video: VideoDescription;
  /** Interleaved channels of RTP and RTCP. */
  readonly rtpChannel: number;
  readonly connection: RtspConnection;
  /** Nothing is recorded of the time asked for: no packet will come. */
  readonly isEmpty: boolean;
  /** Takes leave and closes. Never rejects. */
  close(): Promise<void>;
}

/** Moved so often, a device sends us in circles. */
const REDIRECTS_MAX = 3;
/** The device must know what is asked of it (ONVIF Streaming Specification, "Use of RTSP headers"). */
const REPLAY = { Require: 'onvif-replay' } as const;
/** A session that says nothing of a time-out has this one (RFC 2326 section 12.37). */
const SESSION_SECONDS = 60;
/** Option not supported; Not found; Invalid range; Not enough bandwidth and header field not valid mean a refusal. */
const STATUS = { optionUnknown: 551, notFound: 404, invalidRange: 457 } as const;
const LEAVE_MS = 300;

/**
 * Asks a device to send what it recorded, as fast as it is read (`Rate-Control: no`).
 * @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED, CONFIG_INVALID for the address, MEDIA_UNSUPPORTED when it cannot replay or shows no H.264
 * or H.265; the signal's reason
 */
export async function openReplay(request: ReplayRequest, signal: AbortSignal): Promise<Replay> {
  const { label, ctx, timeoutMs } = request;
  let address = rtspAddress(request.uri, request.login);
  for (let redirects = 0; ; redirects += 1) {
    const connection = await RtspConnection.open({ address, label, ctx, timeoutMs }, signal);
    try {
      const described = await connection.request('DESCRIBE', address.url, { Accept: 'application/sdp', ...REPLAY }, signal);
      const moved = described.status >= 300 && described.status < 400 ? described.headers.get('location')?.[0] : undefined;
      if (moved === undefined) return await begin(connection, accepted(described, 'DESCRIBE', label), { request, address, signal });
      if (redirects >= REDIRECTS_MAX) throw new PlatformError('SOURCE_REFUSED', `${label} moves on for ever`, {});
      address = movedTo(moved, address, label);
      connection.close();
    } catch (error) {
      connection.close();
      throw error;
    }
  }
}

/** A login goes along to the same host only, and never from TLS to plain text. */
function movedTo(location: string, from: RtspAddress, label: string): RtspAddress {
  const to = rtspAddress(location);
  if (from.isTls && !to.isTls) throw new PlatformError('SOURCE_REFUSED', `${label} moves from rtsps to rtsp`, {});
  return { ...to, login: to.login ?? (to.host === from.host ? from.login : undefined) };
}

interface Beginning { readonly request: ReplayRequest; readonly address: RtspAddress; readonly signal: AbortSignal }

async function begin(connection: RtspConnection, described: RtspAnswer, { request, address, signal }: Beginning): Promise<Replay> {
  const { label, ctx, fromMicros, toMicros } = request;
  const video = describedVideo(Buffer.from(described.body).toString('utf8'));
  const base = urlOr(described.headers.get('content-base')?.[0] ?? described.headers.get('content-location')?.[0], address.url);
  const set = accepted(await connection.request('SETUP', controlUrl(base, video.control), { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', ...REPLAY }, signal), 'SETUP', label);
  const rtpChannel = Number(/interleaved=(\d{1,3})/i.exec(set.headers.get('transport')?.[0] ?? '')?.[1] ?? 0);
  const [session = '', ...parameters] = (set.headers.get('session')?.[0] ?? '').split(';').map(part => part.trim());
  if (!/^[\x21-\x7e]{1,256}$/.test(session)) throw new PlatformError('SOURCE_REFUSED', `${label} gave no session`, {});
  const seconds = Number(/^timeout=(\d{1,6})/i.exec(parameters.find(part => /^timeout=/i.test(part)) ?? '')?.[1] ?? SESSION_SECONDS);
  const over = new AbortController();
  const replay = { video, rtpChannel, connection, close: () => leave({ connection, base, session, over, ctx }) };
  const played = await connection.request('PLAY', base, { Session: session, Range: `clock=${clockTime(fromMicros, Math.floor)}-${clockTime(toMicros, Math.ceil)}`, 'Rate-Control': 'no', ...REPLAY }, signal);
  const isEmpty = played.status === STATUS.invalidRange || played.status === STATUS.notFound;
  if (!isEmpty) accepted(played, 'PLAY', label);
  void keepAlive({ connection, base, session, over, ctx }, Math.max(1_000, seconds * 500));
  return { ...replay, isEmpty };
}

interface Session { readonly connection: RtspConnection; readonly base: string; readonly session: string; readonly over: AbortController; readonly ctx: SourceContext }

/** Half of the session's time-out apart; the answers come between the packets and nobody waits for them. */
async function keepAlive({ connection, base, session, over, ctx }: Session, everyMs: number): Promise<void> {
  while (!over.signal.aborted) {
    await ctx.clock.sleep(everyMs, over.signal).catch(() => { /* the replay is over */ });
    if (!over.signal.aborted) connection.tell('GET_PARAMETER', base, { Session: session });
  }
}

/** A device that is told frees its session at once; one that does not answer is not waited for. */
async function leave({ connection, base, session, over, ctx }: Session): Promise<void> {
  if (over.signal.aborted) return;
  over.abort(new Error('the replay is over'));
  const late = deferred<void>();
  const waiting = new AbortController();
  void ctx.clock.sleep(LEAVE_MS, waiting.signal).then(() => late.resolve(), () => late.resolve());
  await Promise.race([connection.request('TEARDOWN', base, { Session: session, ...REPLAY }, waiting.signal).catch(() => { /* it is gone already */ }), late.promise]);
  waiting.abort(new Error('the replay is over'));
  connection.close();
}

function accepted(answer: RtspAnswer, method: string, label: string): RtspAnswer {
  const { status, reason } = answer;
  if (status >= 200 && status < 300) return answer;
  const said = `${label} answers ${method} with ${status} ${reason.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?')}`.trimEnd();
  if (status === STATUS.optionUnknown) throw new PlatformError('MEDIA_UNSUPPORTED', `${label} cannot replay recordings (551)`, { status });
  throw new PlatformError(status >= 500 && status !== 501 && status !== 505 ? 'SOURCE_UNREACHABLE' : 'SOURCE_REFUSED', said, { status });
}

/** UTC as RFC 2326 section 3.7 writes it, with milliseconds. */
function clockTime(micros: number, round: (value: number) => number): string {
  return new Date(round(micros / 1000)).toISOString().replaceAll(/[-:]/g, '');
}

function urlOr(said: string | undefined, otherwise: string): string {
  return said !== undefined && /^rtsps?:\/\/[\x21-\x7e]{1,2000}$/i.test(said) ? said : otherwise;
}

/** Joined as text, as everybody does, not resolved (RFC 2326 appendix C.1.1): a base ends as it likes. */
function controlUrl(base: string, control: string | undefined): string {
  if (control === undefined || control === '' || control === '*' || !/^[\x21-\x7e]{1,2000}$/.test(control)) return base;
  return /^rtsps?:\/\//i.test(control) ? control : `${base}${base.endsWith('/') ? '' : '/'}${control}`;
}
