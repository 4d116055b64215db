import { createHash } from 'node:crypto';
import { isParameterSet, nalType, nalUnits } from './nal-units.ts';
import type { NalCodec } from './nal-units.ts';

/** One RTSP request (RFC 2326, section 6). Header names are lower case. */
export interface RtspRequest {
  readonly method: string;
  readonly url: string;
  /** First segment of the URL's path. */
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** What a client must know to enter. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** `qop`: digest as RFC 2617 has it since 1999; `offers`: several at once, a digest that no MD5 is among them. @default digest, as RFC 2069 has it */
  readonly scheme?: 'digest' | 'basic' | 'qop' | 'offers';
}

const NONCE = 'dmlzdXRpbGl0eS10ZXN0LW5vbmNl';
const REALM = 'test camera';

/** Takes the next request off `bytes`; skips interleaved frames of the client; null when more bytes are needed. */
export function takeRequest(bytes: Buffer): { request: RtspRequest | null; rest: Buffer } {
  let rest = bytes;
  while (rest[0] === 0x24) {
    if (rest.length < 4 || rest.length < 4 + rest.readUInt16BE(2)) return { request: null, rest };
    rest = rest.subarray(4 + rest.readUInt16BE(2));
  }
  const end = rest.indexOf('\r\n\r\n');
  if (end < 0) return { request: null, rest };
  const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
  }));
  const total = end + 4 + Number(headers.get('content-length') ?? 0);
  if (rest.length < total) return { request: null, rest };
  const [method = '', url = ''] = first.split(' ');
  const path = /^rtsps?:\/\/[^/]*\/([^/?]*)/.exec(url)?.[1] ?? '';
  return { request: { method, url, path, headers }, rest: rest.subarray(total) };
}

/** The text of an answer (RFC 2326, section 7). */
export function answer(status: string, request: RtspRequest, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const lines = [`RTSP/1.0 ${status}`, `CSeq: ${request.headers.get('cseq') ?? '0'}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== '') lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The challenge of a 401 answer. */
export function challenge(credentials: Credentials): string {
  const digest = `Digest realm="${REALM}", nonce="${NONCE}"`;
  switch (credentials.scheme) {
    case 'basic': return `Basic realm="${REALM}"`;
    case 'qop': return `${digest}, qop="auth,auth-int", opaque="6f7061717565", algorithm=MD5, stale=FALSE`;
    case 'offers': return [`Basic realm="${REALM}"`, `${digest}, algorithm=SHA-256, qop="auth"`, `${digest}, algorithm=MD5, qop="auth"`].join('\r\nWWW-Authenticate: ');
    default: return digest;
  }
}

/** True when the request carries the right answer to `challenge` (RFC 2617, sections 2 and 3.2.2; RFC 7616, section 3.4.1). */
export function isAuthorized(request: RtspRequest, credentials: Credentials): boolean {
  const header = request.headers.get('authorization') ?? '';
  if (credentials.scheme === 'basic' || (credentials.scheme === 'offers' && header.startsWith('Basic '))) {
    return header === `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  }
  const field = (name: string): string => new RegExp(`\\b${name}="?([^",]*)"?`).exec(header)?.[1] ?? '';
  const hash = (text: string): string => createHash(field('algorithm') === 'SHA-256' ? 'sha256' : 'md5').update(text).digest('hex');
  const secret = hash(`${credentials.user}:${REALM}:${credentials.password}`);
  const asked = hash(`${request.method}:${field('uri')}`);
  const isStrict = credentials.scheme === 'qop' || credentials.scheme === 'offers';
  const expected = hash(isStrict ? `${secret}:${NONCE}:${field('nc')}:${field('cnonce')}:${field('qop')}:${asked}` : `${secret}:${NONCE}:${asked}`);
  return header.startsWith('Digest ') && field('username') === credentials.user && field('response') === expected && (!isStrict || field('qop') === 'auth');
}

/** Session description with the parameter sets of `keyUnit` (RFC 4566, RFC 6184 section 8.1, RFC 7798 section 7.1). */
export function sessionDescription(codec: NalCodec, keyUnit: Uint8Array, frameRate: number): string {
  const sets = nalUnits(keyUnit).filter((nal) => isParameterSet(nal, codec));
  const base64 = (nal: Uint8Array): string => Buffer.from(nal).toString('base64');
  const named = (type: number): string => sets.filter((nal) => nalType(nal, codec) === type).map(base64).join(',');
  const sps = sets.find((nal) => nalType(nal, 'h264') === 7);
  const format = codec === 'h264'
    ? `packetization-mode=1;profile-level-id=${Buffer.from(sps?.subarray(1, 4) ?? []).toString('hex')};sprop-parameter-sets=${sets.map(base64).join(',')}`
    : `sprop-vps=${named(32)};sprop-sps=${named(33)};sprop-pps=${named(34)}`;
  return [
    'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=test camera', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*', 'm=video 0 RTP/AVP 96',
    `a=rtpmap:96 ${codec === 'h264' ? 'H264' : 'H265'}/90000`, `a=fmtp:96 ${format}`, `a=framerate:${frameRate}`, 'a=control:track1', '',
  ].join('\r\n');
}
