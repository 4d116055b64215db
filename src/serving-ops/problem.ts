import { ERRORS, PlatformError, type ErrorCode } from '../engine/errors.ts';
import { scrub } from './scrub.ts';

/** Problem details of RFC 9457, with the platform's code, what to do about it and the error's facts as extension members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode | 'UNEXPECTED';
  readonly help: string;
  /** Path of the field that is wrong, where one is. */
  readonly field?: string;
}

/** Media type of a problem (RFC 9457, section 3). */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

const UNEXPECTED_HELP = 'This is a fault of vto; its log holds the cause under the id in `instance`.';

function named(code: Problem['code']): { readonly type: string; readonly title: string } {
  const words = code.toLowerCase().replaceAll('_', '-');
  return { type: `urn:visutility:error:${words}`, title: words.replaceAll('-', ' ') };
}

/** The problem of anything thrown. What is no PlatformError tells nothing of itself: its message may hold paths or secrets. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof PlatformError)) {
    return { ...named('UNEXPECTED'), status: 500, detail: 'the request failed unexpectedly', code: 'UNEXPECTED', help: UNEXPECTED_HELP };
  }
  const row = ERRORS[error.code];
  const facts = Object.fromEntries(Object.entries(error.facts).map(([key, value]) => [key, typeof value === 'string' ? scrub(value) : value]));
  return { ...facts, ...named(error.code), status: row.http, detail: scrub(error.message), code: error.code, help: row.help };
}
