const USER = /([a-z][a-z0-9+.-]*:[\\/]{1,2})\S*@/gi;
const SECRET_KEY = /\b(pass|passwd|password|pwd|secret|token|access_token|key|apikey|api_key|auth)=[^&\s'"]*/gi;

/** Takes credentials out of the URLs in a text. Takes too much rather than too little: a password may itself hold `/` or `@`. */
export function scrub(text: string): string {
  const withoutUser = text.includes('@') ? text.replace(USER, '$1***@') : text;
  return withoutUser.includes('=') ? withoutUser.replace(SECRET_KEY, '$1=***') : withoutUser;
}

/** JSON text of a response, every string in it scrubbed. */
export function scrubbedJson(body: unknown): string {
  return JSON.stringify(body, (_key, value: unknown) => (typeof value === 'string' ? scrub(value) : value));
}
