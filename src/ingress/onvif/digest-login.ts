import { createHash, randomBytes } from 'node:crypto';
import type { Login } from '../login.ts';

/** One challenge of a `WWW-Authenticate: Digest` header. */
type Challenge = ReadonlyMap<string, string>;

/** Hashes by their names in the header, the stronger first (RFC 7616, section 3.3; RFC 2617 where the name is absent). */
const HASHES: readonly (readonly [name: string, hash: string])[] = [['SHA-256', 'sha256'], ['MD5', 'md5']];

/** Answers the challenges of a 401; undefined when none of them is one that can be answered. The request is a POST of `path`. */
export function digestAnswer(headers: readonly string[], login: Login, path: string): string | undefined {
  const challenges = headers.flatMap(challengeOf);
  for (const [name, hash] of HASHES) {
    const challenge = challenges.find(each => (each.get('algorithm') ?? 'MD5').toUpperCase() === name);
    if (challenge) return answer(challenge, hash, login, path);
  }
  return undefined;
}

function challengeOf(header: string): Challenge[] {
  const text = header.slice(0, 4096);
  if (!/^\s*digest\s/i.test(text)) return [];
  const parameters = new Map<string, string>();
  for (const [, key = '', quoted, plain] of text.replace(/^\s*digest\s+/i, '').matchAll(/([a-z0-9-]{1,32})\s{0,8}=\s{0,8}(?:"([^"]*)"|([^\s,"]+))/gi)) parameters.set(key.toLowerCase(), quoted ?? plain ?? '');
  return parameters.has('nonce') && parameters.has('realm') ? [parameters] : [];
}

function answer(challenge: Challenge, hash: string, { user, password }: Login, path: string): string {
  const digest = (text: string): string => createHash(hash).update(text, 'utf8').digest('hex');
  const [realm, nonce] = [challenge.get('realm') ?? '', challenge.get('nonce') ?? ''];
  const [secret, target] = [digest(`${user}:${realm}:${password}`), digest(`POST:${path}`)];
  const hasQop = (challenge.get('qop') ?? '').split(',').some(each => each.trim().toLowerCase() === 'auth');
  const clientNonce = randomBytes(8).toString('hex');
  const count = '00000001';
  const response = digest(hasQop ? `${secret}:${nonce}:${count}:${clientNonce}:auth:${target}` : `${secret}:${nonce}:${target}`);
  const [algorithm, opaque] = [challenge.get('algorithm'), challenge.get('opaque')];
  const fields = [
    `username="${quoted(user)}"`, `realm="${quoted(realm)}"`, `nonce="${quoted(nonce)}"`, `uri="${quoted(path)}"`, `response="${response}"`,
    ...algorithm === undefined ? [] : [`algorithm=${algorithm.replace(/[^\w-]/g, '')}`],
    ...hasQop ? ['qop=auth', `nc=${count}`, `cnonce="${clientNonce}"`] : [],
    ...opaque === undefined ? [] : [`opaque="${quoted(opaque)}"`],
  ];
  return `Digest ${fields.join(', ')}`;
}

/** As latin1 that a header can hold; the hash is over UTF-8. */
function quoted(text: string): string {
  return text.replace(/[\\"]/g, mark => `\\${mark}`).replace(/[^\x20-\x7e]/g, mark => Buffer.from(mark, 'utf8').toString('latin1')).replace(/[\x00-\x1f\x7f]/g, '');
}
