import { isIP, isIPv6 } from 'node:net';
import { isAbsolute, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '../engine/errors.ts';

/** A URL scheme that a source plugin serves. */
export interface StreamScheme {
  /** Lower case, without the colon. */
  readonly name: string;
  /** Port when the URL names none; undefined: the scheme has no hosts (`synthetic://`). */
  readonly defaultPort?: number;
  /** It reads files of this machine, so that an API caller needs leave even on the loopback address. */
  readonly readsFiles: boolean;
}

/** Schemes of the sources that are built in. */
export const STREAM_SCHEMES: readonly StreamScheme[] = [
  { name: 'rtsp', defaultPort: 554, readsFiles: false },
  { name: 'rtsps', defaultPort: 322, readsFiles: false },
  { name: 'onvif', defaultPort: 80, readsFiles: false },
  { name: 'synthetic', readsFiles: false },
  { name: 'whip', readsFiles: false },
  { name: 'file', readsFiles: true },
];

/** A stream URI in one canonical form; credentials are not part of it. */
export type StreamTarget =
  /** `path` starts with `/` and holds the query too. `host` is lower case, IPv6 in brackets. */
  | { readonly kind: 'network'; readonly scheme: string; readonly host: string; readonly port: number; readonly defaultPort: number; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'opaque'; readonly scheme: string; readonly rest: string };

const MAX_LENGTH = 2048;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i; // as the sources tell it; anything else is a path to them
const NETWORK = /^(?:([\w.~!$&'()*+,;=:%-]*)@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?(\/[^?#]*(?:\?[^#]*)?)?(?:#transport=(?:tcp|udp))?$/i; // the fragment is for the source, and says nothing of where it connects
const HOST_NAME = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/;

function refuse(reason: string): PlatformError {
  return new PlatformError('REQUEST_INVALID', `stream URI refused: ${reason}`, { field: 'stream' });
}

/** Host in the one form that every resolver reads alike. Numbers that only some read as addresses (`0x7f.1`, `127.1`, `0177.0.0.1`) are refused. */
export function canonicalHost(text: string): string {
  const host = text.toLowerCase();
  if (host.startsWith('[')) {
    if (!isIPv6(host.slice(1, -1))) throw refuse('the host is no IPv6 address');
    return new URL(`http://${host}/`).hostname;
  }
  if (isIP(host) === 4) return host;
  const last = host.slice(host.lastIndexOf('.') + 1);
  if (!HOST_NAME.test(host) || /^(?:\d+|0x[0-9a-f]*)$/.test(last)) throw refuse('the host is neither a name nor an address in its usual form');
  return host;
}

function decodeAll(segment: string): string {
  let text = segment;
  for (let round = 0; round < 4; round++) {
    let next: string;
    try { next = decodeURIComponent(text); } catch { throw refuse('the path is not percent-encoded UTF-8'); }
    if (next === text) return text;
    text = next;
  }
  throw refuse('the path is percent-encoded many times over');
}

/** Path and query as written but for needless escapes; refused when some reader could take it for another path. */
export function canonicalPath(text: string): string {
  const [path = '/', query] = text === '' ? ['/'] : text.split(/\?(.*)/s);
  for (const segment of path.split('/')) {
    const decoded = decodeAll(segment);
    if (decoded === '.' || decoded === '..' || /[/\\\p{Cc}]/u.test(decoded)) throw refuse('the path has dot segments or hidden separators');
  }
  const plain = path.replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
  return query === undefined ? plain : `${plain}?${query}`;
}

function fileTarget(path: string): StreamTarget {
  if (/\p{Cc}/u.test(path) || !isAbsolute(path) || normalize(path) !== path) throw refuse('a file needs its absolute path, without dot segments');
  return { kind: 'file', path };
}

function fileUrlTarget(text: string): StreamTarget {
  let path: string;
  try {
    if (!/^file:\/\/(?:localhost)?\/[^/?#\\][^?#\\]*$/i.test(text)) throw refuse('a file URL is file:///path');
    path = fileURLToPath(text);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw refuse('the file URL cannot be read');
  }
  if (/\.\.|%2e/i.test(text)) throw refuse('a file needs its absolute path, without dot segments');
  return fileTarget(path);
}

/**
 * Reads a stream URI or file path by a grammar narrower than any parser behind it, so that what is judged is what is opened.
 * @throws PlatformError REQUEST_INVALID when it is malformed, PLUGIN_UNKNOWN when no source serves its scheme
 */
export function parseStreamUri(text: string, schemes: readonly StreamScheme[]): StreamTarget {
  if (text.length > MAX_LENGTH) throw refuse(`longer than ${String(MAX_LENGTH)} characters`);
  const found = SCHEME.exec(text);
  if (found === null) return fileTarget(text);
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) throw refuse('it holds spaces, backslashes or characters beyond ASCII; percent-encode them');
  const name = (found[1] ?? '').toLowerCase();
  const scheme = schemes.find((each) => each.name === name);
  if (scheme === undefined) {
    const known = schemes.map((each) => each.name).join(', ');
    throw new PlatformError('PLUGIN_UNKNOWN', `no source serves '${name}://' URLs (known: ${known})`, { field: 'stream' });
  }
  if (name === 'file') return fileUrlTarget(text);
  const rest = text.slice(name.length + 3);
  if (scheme.defaultPort === undefined) {
    if (/[@#]/.test(rest) || decodeAll(rest).split(/[/\\]/).includes('..')) throw refuse(`'${name}://' takes a plain name and options`);
    return { kind: 'opaque', scheme: name, rest };
  }
  const parts = NETWORK.exec(rest);
  if (parts === null) throw refuse(`it is not ${name}://host:port/path`);
  const port = parts[3] === undefined ? scheme.defaultPort : Number(parts[3]);
  if (port < 1 || port > 65535) throw refuse('the port is not 1 to 65535');
  return { kind: 'network', scheme: name, host: canonicalHost(parts[2] ?? ''), port, defaultPort: scheme.defaultPort, path: canonicalPath(parts[4] ?? '') };
}
