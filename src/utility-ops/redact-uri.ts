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

/** Index of the `@` that ends the login; -1 without one. An `@` behind `?` or `#` belongs to the login only if no host came before. */
function loginEnd(rest: string): number {
  const query = rest.search(/[?#]/);
  const inFront = rest.slice(0, query < 0 ? rest.length : query).lastIndexOf('@');
  if (inFront >= 0) return inFront;
  const slash = rest.indexOf('/');
  return query >= 0 && (slash < 0 || slash > query) ? rest.lastIndexOf('@') : -1;
}

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
