import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Login } from '../login.ts';
import { digestAnswer } from './digest-login.ts';

/** One SOAP request over HTTP. */
export interface SoapPost {
  readonly url: URL;
  readonly body: string;
  /** Of the operation, for the content type (SOAP 1.2 part 2, section 6.5.2). */
  readonly action: string;
  readonly login: Login | undefined;
  /** Name of the device in messages, without credentials. */
  readonly label: string;
  /** From the first byte to the last, looking up the name included. */
  readonly limitMs: number;
  readonly clock: Clock;
  /** @default that of Node, which takes a thread for as long as a name server is silent */
  readonly lookup?: LookupFunction | undefined;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface SoapAnswer { readonly status: number; readonly text: string }

interface Reply extends SoapAnswer { readonly challenges: readonly string[] }

/** More than the profiles of a recorder of 64 channels take. */
const ANSWER_BYTES_MAX = 4 << 20;

/**
 * Posts a request and reads the whole answer, within its time and size. One connection a request, closed after it: a device that holds connections
 * open holds none of ours. A 401 is answered once with a digest.
 * @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED (401 that a digest does not mend, 403), ONVIF_INVALID; the signal's reason
 */
export async function postSoap(post: SoapPost): Promise<SoapAnswer> {
  const over = new AbortController();
  const late = new PlatformError('SOURCE_UNREACHABLE', `${post.label} did not answer within ${post.limitMs} ms`, { limitMs: post.limitMs, isAway: true });
  const limit = post.clock.sleep(post.limitMs, AbortSignal.any([over.signal, post.signal])).then(() => over.abort(late), () => { /* answered, or aborted */ });
  const signal = AbortSignal.any([post.signal, over.signal]);
  try {
    const first = await send(post, undefined, signal);
    if (first.status !== 401 || !post.login) return judged(first, post);
    const authorization = digestAnswer(first.challenges, post.login, `${post.url.pathname}${post.url.search}`);
    return judged(authorization === undefined ? first : await send(post, authorization, signal), post);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    over.abort();
    await limit;
  }
}

function judged({ status, text }: Reply, { label, login }: SoapPost): SoapAnswer {
  const isFault = text.includes('Fault'); // it says more than the status
  if ((status === 401 || status === 403) && !isFault) {
    throw new PlatformError('SOURCE_REFUSED', login ? `${label} refused user and password (HTTP ${status})` : `${label} wants user and password (HTTP ${status})`, { status });
  }
  if ((status < 200 || status > 299) && !isFault) throw new PlatformError('ONVIF_INVALID', `${label} answered HTTP ${status} instead of SOAP`, { status });
  return { status, text };
}

function send(post: SoapPost, authorization: string | undefined, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { url, body, action, label, lookup } = post;
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = request(url, {
      method: 'POST', agent: false, signal, maxHeaderSize: 32_768, ...lookup && { lookup },
      rejectUnauthorized: false, // devices sign their own certificates
      headers: {
        'content-type': `application/soap+xml; charset=utf-8; action="${action}"`, 'content-length': Buffer.byteLength(body), accept: 'application/soap+xml, text/xml', connection: 'close',
        ...authorization === undefined ? {} : { authorization },
      },
    }, incoming => { read(incoming, label).then(resolve, reject).finally(() => outgoing.destroy()); });
    outgoing.on('error', error => reject(translated(error, label)));
    outgoing.end(body);
  });
}

async function read(incoming: IncomingMessage, label: string): Promise<Reply> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) { // no encoding is set: buffers
      bytes += part.byteLength;
      if (bytes > ANSWER_BYTES_MAX) throw new PlatformError('ONVIF_INVALID', `${label} answered more than ${ANSWER_BYTES_MAX} bytes`, { bytes });
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof PlatformError ? error : translated(error, label);
  }
  const challenges = incoming.headersDistinct['www-authenticate'] ?? [];
  return { status: incoming.statusCode ?? 0, text: decodedText(Buffer.concat(parts), incoming.headers['content-type']), challenges };
}

/** In the character set that the header or the XML declaration names, where this machine knows it; else UTF-8. */
function decodedText(bytes: Buffer, contentType: string | undefined): string {
  const name = /charset\s*=\s*"?([\w.:-]{1,40})/i.exec(contentType ?? '')?.[1] ?? /^[^>]{0,80}encoding\s*=\s*["']([\w.:-]{1,40})/.exec(bytes.toString('latin1', 0, 120))?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(name).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/** Bytes that are no HTTP come from something else; all other failures are of the network. */
function translated(error: unknown, label: string): PlatformError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('HPE_')) return new PlatformError('ONVIF_INVALID', `${label} answered what is no HTTP`, { code }, error);
  return new PlatformError('SOURCE_UNREACHABLE', `${label} cannot be reached: ${code === '' ? messageOf(error) : code}`, { code, isAway: true }, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 120) : 'unknown failure';
}
