import { ERRORS, PlatformError, type ErrorCode } from '../engine/errors.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import { invalid, text, type Values } from './flag-values.ts';

/** Where a running platform serves, and the token it asks for. */
export interface PlatformAddress {
  readonly url: string;
  /** @default that of the environment */
  readonly token?: string;
}

/** What is asked of it. */
export interface Question {
  /** @default GET */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** Where a `vto start` without flags serves. */
const DEFAULT_URL = 'http://127.0.0.1:8080';
const ANSWER_MS = 10_000;

/** The platform that `--url` and `--token` name. @throws PlatformError CONFIG_INVALID */
export function platformAddress(values: Values): PlatformAddress {
  const [url = DEFAULT_URL, token] = [text(values, 'url'), text(values, 'token')];
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw invalid(`--url: '${url}' is no http address`, 'url');
  return { url, ...token !== undefined && { token } };
}

/** Asks the API of a running platform. @throws PlatformError what the API answers; CONFIG_INVALID when nothing answers there */
export async function askPlatform<Answer>({ url, token }: PlatformAddress, { method = 'GET', path, body }: Question): Promise<Answer> {
  const bearer = token ?? tokenOf(process.env);
  const headers = { ...bearer !== undefined && { authorization: `Bearer ${bearer}` }, ...body !== undefined && { 'content-type': 'application/json' } };
  const response = await fetch(new URL(path, url), { method, headers, signal: AbortSignal.timeout(ANSWER_MS), ...body !== undefined && { body: JSON.stringify(body) } })
    .catch((error: unknown) => { throw new PlatformError('CONFIG_INVALID', `no vto answers at ${url}; name its API with --url`, { field: 'url' }, error); });
  const answer = await response.json().catch(() => ({})) as Answer & { readonly code?: string; readonly detail?: string }; // written by the API of this program; another one has neither
  if (response.ok) return answer;
  throw new PlatformError(codeOf(answer.code), answer.detail ?? `${url} answers with status ${response.status}`);
}

/** The row of the error table that an answer names. */
export function codeOf(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(ERRORS, code) ? code as ErrorCode : 'REQUEST_INVALID'; // a key of the table
}

/** VTO_TOKEN; else the variable that gives the platform its tokens. */
function tokenOf(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return environment['VTO_TOKEN'] || loadConfig({ environment, cwd: process.cwd() }).serving.tokens[0];
}
