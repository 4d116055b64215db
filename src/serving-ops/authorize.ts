import { createHash, timingSafeEqual } from 'node:crypto';
import { PlatformError } from '../engine/errors.ts';

/** What a request says of who sends it. */
export interface Credentials {
  /** The Authorization header. */
  readonly header: string | undefined;
  /** `?access_token=`, where the route takes it there (RFC 6750, section 2.3): of WebSockets and media elements, which cannot set headers. */
  readonly query: unknown;
}

/** Lets requests in that bear one of the tokens of the settings. */
export interface Authorizer {
  /** False: nobody needs a token. */
  readonly isNeeded: boolean;
  /** @throws PlatformError UNAUTHORIZED when a token is needed and none of ours is there */
  check(credentials: Credentials): void;
}

/** Challenge of a refusal (RFC 6750, section 3). */
export const CHALLENGE = 'Bearer realm="vto"';

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Digests are compared, in constant time and with every token: neither length nor place of a match shows. */
export function createAuthorizer(tokens: readonly string[]): Authorizer {
  const known = tokens.map(digest);
  return {
    isNeeded: known.length > 0,
    check({ header, query }) {
      if (known.length === 0) return;
      const given = header === undefined ? query : BEARER.exec(header)?.[1];
      if (typeof given !== 'string' || given === '') throw new PlatformError('UNAUTHORIZED', 'the request bears no token');
      const presented = digest(given);
      const matches = known.filter(each => timingSafeEqual(each, presented)).length;
      if (matches === 0) throw new PlatformError('UNAUTHORIZED', 'the token of the request is none of this server');
    },
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nobody needs a token: the route serves nothing of this platform's cameras. */
    isOpen?: boolean;
    /** A page for people: without a token they are asked for it. */
    isPage?: boolean;
    /** The token may come as `?access_token=`. */
    takesQueryToken?: boolean;
  }
}
