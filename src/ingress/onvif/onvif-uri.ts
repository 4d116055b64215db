import { PlatformError } from '../../engine/errors.ts';
import { encodeLogin, uriLabel } from '../../utility-ops/redact-uri.ts';
import type { Login } from '../login.ts';
import { DEVICE_SERVICE, type DeviceAddress } from './service-address.ts';

/** What an `onvif://user:password@host[:port][/path][?profile=…]` URI says. */
export interface OnvifUri {
  readonly address: DeviceAddress;
  readonly login: Login | undefined;
  /** `main`, `sub`, or the token of a media profile. */
  readonly profile: string;
  /** What follows a `#`, for the player of the stream; empty when nothing does. */
  readonly fragment: string;
  /** The URI without credentials. */
  readonly label: string;
}

/** Ports on which devices speak TLS. */
const SECURE_PORTS: readonly number[] = [443, 8443];

/**
 * Reads the URI of an ONVIF device. Port 80 when none is given; 443 and 8443 are HTTPS.
 * @throws PlatformError CONFIG_INVALID, without the URI's credentials
 */
export function parseOnvifUri(uri: string): OnvifUri {
  const label = uriLabel(uri);
  const refuse = (reason: string, cause?: unknown): PlatformError => new PlatformError('CONFIG_INVALID', `'${label}': ${reason}`, {}, cause);
  let url: URL;
  try {
    url = new URL(encodeLogin(uri.trim()));
  } catch (error) {
    throw refuse('is not onvif://user:password@host:port/?profile=main', error);
  }
  if (url.protocol !== 'onvif:' || url.hostname === '') throw refuse('is not onvif://user:password@host:port/?profile=main');
  for (const key of url.searchParams.keys()) if (key !== 'profile') throw refuse(`knows no '${key.slice(0, 40)}' (known: profile)`);
  const port = url.port === '' ? 80 : Number(url.port);
  if (port === 0 || !URL.canParse(`http://${url.host}/`)) throw refuse('has no host that can be asked');
  const profile = url.searchParams.get('profile') ?? 'main';
  if (profile.trim() === '' || profile.length > 200) throw refuse('profile is main, sub or the token of a profile');
  return {
    address: { host: url.hostname, port, isSecure: SECURE_PORTS.includes(port), path: url.pathname === '' || url.pathname === '/' ? DEVICE_SERVICE : url.pathname },
    login: loginOf(url, refuse), profile, fragment: url.hash, label,
  };
}

function loginOf(url: URL, refuse: (reason: string, cause?: unknown) => PlatformError): Login | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch (error) {
    throw refuse('user or password are not percent-encoded UTF-8', error);
  }
}

/** The URI with a login, percent-encoded; one that it has is replaced. */
export function withLogin(url: URL, login: Login | undefined): string {
  const start = url.href.indexOf('://') + 3;
  const rest = `${url.host}${url.pathname}${url.search}`;
  return `${url.href.slice(0, start)}${login === undefined ? '' : `${encodePart(login.user)}:${encodePart(login.password)}@`}${rest}`;
}

function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
