import { createHash } from 'node:crypto';
import type { Login } from '../login.ts';

/** A challenge of a 401 answer that can be met (RFC 7616, RFC 7617). */
export type Challenge =
  | { readonly scheme: 'basic'; readonly realm: string }
  | {
    readonly scheme: 'digest'; readonly realm: string; readonly nonce: string; readonly opaque: string | undefined;
    readonly algorithm: 'MD5' | 'SHA-256'; readonly isSession: boolean; readonly hasQop: boolean; readonly isStale: boolean;
  };

/** Characters of a header that are looked at. */
const LENGTH_MAX = 4_096;

/** The strongest challenge that can be met: SHA-256 before MD5 before Basic; undefined when there is none. */
export function bestChallenge(headers: readonly string[]): Challenge | undefined {
  const challenges = headers.flatMap(header => challengesOf(header.slice(0, LENGTH_MAX)));
  return challenges.toSorted((left, right) => strength(right) - strength(left))[0];
}

function strength(challenge: Challenge): number {
  return challenge.scheme === 'basic' ? 0 : challenge.algorithm === 'MD5' ? 1 : 2;
}

/** A header may hold several challenges, as RFC 7235 section 4.1 shows: a scheme is a word that another word, not `=`, follows. */
function challengesOf(header: string): readonly Challenge[] {
  const parts: string[] = [];
  for (const [part] of header.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^,"]|"(?![^"]*"))+/gs)) {
    if (parts.length === 0 || /^\s*[a-z]+\s+[a-z]/i.test(part)) parts.push(part);
    else parts.push(`${parts.pop() ?? ''},${part}`);
  }
  return parts.flatMap((part): readonly Challenge[] => {
    const [, scheme = '', rest = ''] = /^\s*(basic|digest)\s+(.*)$/is.exec(part) ?? [];
    const fields = new Map([...rest.matchAll(/([a-z0-9_-]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/gi)].map(([, name = '', quoted, plain = '']) => [name.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain]));
    const realm = fields.get('realm') ?? '';
    if (scheme === '') return [];
    if (scheme.toLowerCase() === 'basic') return [{ scheme: 'basic', realm }];
    const nonce = fields.get('nonce');
    const algorithm = (fields.get('algorithm') ?? 'MD5').toUpperCase();
    const name = algorithm.replace(/-SESS$/, '');
    const qop = fields.get('qop');
    const isMet = nonce !== undefined && (name === 'MD5' || name === 'SHA-256') && (qop === undefined || /(?:^|[\s,])auth(?:$|[\s,])/i.test(qop));
    if (!isMet) return [];
    return [{
      scheme: 'digest', realm, nonce, opaque: fields.get('opaque'), algorithm: name, isSession: algorithm.endsWith('-SESS'), hasQop: qop !== undefined,
      isStale: /^true$/i.test(fields.get('stale') ?? ''),
    }];
  });
}

/** One request to be authorised. `count`: how often the nonce was used, from 1; `clientNonce`: by chance. */
export interface Authorising { readonly method: string; readonly uri: string; readonly count: number; readonly clientNonce: string }

/** Value of the `Authorization` header that meets the challenge (RFC 7616 section 3.4). */
export function authorization(challenge: Challenge, { user, password }: Login, { method, uri, count, clientNonce }: Authorising): string {
  if (challenge.scheme === 'basic') return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const { realm, nonce, opaque, algorithm, isSession, hasQop } = challenge;
  const hash = (text: string): string => createHash(algorithm === 'MD5' ? 'md5' : 'sha256').update(text).digest('hex');
  const secret = hash(`${user}:${realm}:${password}`);
  const key = isSession ? hash(`${secret}:${nonce}:${clientNonce}`) : secret;
  const uses = count.toString(16).padStart(8, '0');
  const request = hash(`${method}:${uri}`);
  const response = hasQop ? hash(`${key}:${nonce}:${uses}:${clientNonce}:auth:${request}`) : hash(`${key}:${nonce}:${request}`);
  const fields = [
    `username=${quoted(user)}`, `realm=${quoted(realm)}`, `nonce=${quoted(nonce)}`, `uri=${quoted(uri)}`, `response="${response}"`,
    `algorithm=${algorithm}${isSession ? '-sess' : ''}`,
    ...hasQop ? ['qop=auth', `nc=${uses}`] : [], ...hasQop || isSession ? [`cnonce=${quoted(clientNonce)}`] : [], ...opaque === undefined ? [] : [`opaque=${quoted(opaque)}`],
  ];
  return `Digest ${fields.join(', ')}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll(/[\r\n]/g, '')}"`;
}
