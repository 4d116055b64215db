/** Query keys whose values are secrets. */
const SECRET_KEY = /^(?:.*(?:token|secret|passw|passphrase|signature|apikey|api_key|api-key|credential).*|auth|authorization|key|pass|pwd|psw|sig|jwt|sas|session|sessionid)$/i;

/** A scheme and everything up to the first character that ends a URI in running text. */
const URI = /[a-z][a-z0-9+.-]*:\/\/[^\s"'<>`|]+/gi;

const MASK = '***';

/**
 * The text without user and password of every URI in it, and with secret query values as `***`; the rest is unchanged.
 * Passwords may hold `@`, `:` and `/` unescaped, as people paste them: all up to the last `@` before the query counts as login.
 */
export function redactUri(text: string): string {
  return text.replace(URI, (uri) => withoutSecrets(withoutLogin(uri)));
}

/**
 * The URI with its login percent-encoded, so that a password pasted as it is (`p@ss/w?rd`) reaches the right host. What is encoded
 * already stays; a URI without login stays as it is.
 */
export function encodeLogin(uri: string): string {
  const start = uri.indexOf('://') + 3;
  const at = start < 3 ? -1 : loginEnd(uri.slice(start));
  if (at < 0) return uri;
  const login = uri.slice(start, start + at);
  const colon = login.indexOf(':');
  const parts = colon < 0 ? [login] : [login.slice(0, colon), login.slice(colon + 1)];
  return `${uri.slice(0, start)}${parts.map(encodeRest).join(':')}${uri.slice(start + at)}`;
}

function encodeRest(part: string): string {
  return part.replace(/%[0-9a-f]{2}|[^a-z0-9._~-]/giu, (match) => (match.length === 3 && match.startsWith('%') ? match : encodeURIComponent(match)));
}

/** A URI for logs and reports: without login and secrets. Plain paths stay as they are. */
export function uriLabel(uri: string): string {
  return redactUri(uri.trim());
}

function withoutLogin(uri: string): string {
  const start = uri.indexOf('://') + 3;
  const rest = uri.slice(start);
  const at = loginEnd(rest);
  return at < 0 ? uri : `${uri.slice(0, start)}${rest.slice(at + 1)}`;
}

/**
 * Index of the `@` that ends the login; -1 without one. An `@` behind `?` or `#` belongs to the login unless a host came before and a
 * `key=` stands between them: a password may hold anything.
 */
function loginEnd(rest: string): number {
  const query = rest.search(/[?#]/);
  const last = rest.lastIndexOf('@');
  if (query < 0 || last < query) return last;
  const inFront = rest.slice(0, query).lastIndexOf('@');
  return HOST.test(rest.slice(inFront + 1, query)) && rest.slice(query, last).includes('=') ? inFront : last;
}

/** Host, port and path. */
const HOST = /^(?:[^/:[\]]+|\[[^/[\]]*\])(?::\d*)?(?:\/.*)?$/;

function withoutSecrets(uri: string): string {
  return uri.replace(/([?&;#])([^=&;#?]+)=([^&;#]*)/g, (whole, mark: string, key: string, value: string) => (
    value !== '' && SECRET_KEY.test(decoded(key)) ? `${mark}${key}=${MASK}` : whole
  ));
}

/** Percent escapes of a key resolved, so that `pass%77ord` is seen; broken escapes stay. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
