import { isIP, isIPv6 } from 'node:net';
import { PlatformError } from '../engine/errors.ts';

/** The headers that tell whether a request was meant for this server. */
export interface GuardedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i;

/** True for names and addresses that only this machine answers to. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isIP(name) === 4 ? name.startsWith('127.') : isIPv6(name) && new URL(`http://[${name}]/`).hostname === '[::1]';
}

function hostOf(authority: string | string[] | undefined): string | undefined {
  return typeof authority === 'string' ? AUTHORITY.exec(authority)?.[1]?.toLowerCase() : undefined;
}

function checkHost(request: GuardedRequest, allowed: readonly string[], boundHost: string): void {
  const host = hostOf(request.headers['host']);
  if (host === undefined) throw new PlatformError('HOST_REFUSED', 'the Host header is missing or malformed');
  if (allowed.includes(host) || (isLoopbackHost(boundHost) && isLoopbackHost(host))) return;
  if (!isLoopbackHost(boundHost) && allowed.length === 0) return;
  throw new PlatformError('HOST_REFUSED', `this server does not answer for the host '${host.slice(0, 80)}'`);
}

function checkOrigin(request: GuardedRequest, allowed: readonly string[]): void {
  const origin = request.headers['origin'];
  if (typeof origin === 'string' && (allowed.includes('*') || allowed.includes(origin))) return;
  const own = request.headers['host'];
  if (origin !== undefined && !(typeof origin === 'string' && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === own)) {
    throw new PlatformError('ORIGIN_REFUSED', 'the request comes from a web page of another origin');
  }
  const site = request.headers['sec-fetch-site'];
  const isOpenedByUser = request.headers['sec-fetch-mode'] === 'navigate' && (request.method === 'GET' || request.method === 'HEAD');
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isOpenedByUser) {
    throw new PlatformError('ORIGIN_REFUSED', 'the request comes from a web page of another site');
  }
}

/**
 * Guards against DNS rebinding and cross-site calls. Bound to loopback, only loopback names (and `allowed` ones) are answered; bound
 * elsewhere, any name unless `allowed` lists some. Pages of `allowOrigins` may call.
 * @throws PlatformError HOST_REFUSED, ORIGIN_REFUSED
 */
export function guardRequest(request: GuardedRequest, options: { readonly boundHost: string; readonly allowHosts: readonly string[]; readonly allowOrigins?: readonly string[] }): void {
  checkHost(request, options.allowHosts.map((host) => host.toLowerCase()), options.boundHost);
  checkOrigin(request, options.allowOrigins ?? []);
}
