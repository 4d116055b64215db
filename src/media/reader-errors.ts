import {
  AVERROR_EACCES, AVERROR_EINVAL, AVERROR_EISDIR, AVERROR_ENOENT, AVERROR_EXIT, AVERROR_HTTP_FORBIDDEN, AVERROR_HTTP_NOT_FOUND, AVERROR_HTTP_UNAUTHORIZED,
  AVERROR_INVALIDDATA, AVERROR_PROTOCOL_NOT_FOUND, AVERROR_EPERM,
} from 'node-av/constants';
import { PlatformError, type ErrorCode } from '../engine/errors.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';
import { explain } from './libav.ts';

const CAMERA = /^rtsps?:/i;
const NETWORK = /^(?!file:)[a-z][a-z0-9+.-]*:\/\//i;

/** True when the URI names another machine or service, not a file. */
export function isNetworkUri(uri: string): boolean {
  return NETWORK.test(uri);
}

/** The URI as it may be shown: user, password and query (which may hold tokens) left out. */
export function scrubUri(uri: string): string {
  if (!isNetworkUri(uri)) return uri;
  return redactUri(uri).replace(/[?#].*$/s, '');
}

/** `-ETIMEDOUT` of Linux and of macOS and Windows; libav passes the system's number through. */
const TIMED_OUT: ReadonlySet<number> = new Set([-110, -60, -138]);

/** `-EPROTONOSUPPORT`, likewise: what RTSP's 461 becomes. */
const NO_SUCH_TRANSPORT: ReadonlySet<number> = new Set([-93, -43, -135]);

/** The camera did not take the user and password, or needs some. */
function isLogin(code: number): boolean {
  return code === AVERROR_HTTP_UNAUTHORIZED || code === AVERROR_HTTP_FORBIDDEN;
}

function codeOf(code: number, isNetwork: boolean, isOpening: boolean): ErrorCode {
  switch (code) {
    case AVERROR_HTTP_UNAUTHORIZED: case AVERROR_HTTP_FORBIDDEN: return 'SOURCE_REFUSED';
    case AVERROR_HTTP_NOT_FOUND: return 'SOURCE_REFUSED';
    case AVERROR_PROTOCOL_NOT_FOUND: return 'MEDIA_UNSUPPORTED';
    case AVERROR_ENOENT: return isNetwork ? 'SOURCE_UNREACHABLE' : 'SOURCE_NOT_FOUND';
    case AVERROR_EISDIR: case AVERROR_EACCES: case AVERROR_EPERM: return isNetwork ? 'SOURCE_REFUSED' : 'SOURCE_NOT_FOUND';
    case AVERROR_INVALIDDATA: case AVERROR_EINVAL: return isOpening ? 'MEDIA_INVALID' : isNetwork ? 'SOURCE_UNREACHABLE' : 'MEDIA_CORRUPT';
    case AVERROR_EXIT: return 'SOURCE_STALLED';
    default: break;
  }
  if (TIMED_OUT.has(code)) return isOpening ? 'SOURCE_UNREACHABLE' : 'SOURCE_STALLED';
  if (isNetwork && NO_SUCH_TRANSPORT.has(code)) return 'SOURCE_REFUSED';
  if (isNetwork) return 'SOURCE_UNREACHABLE';
  return isOpening ? 'MEDIA_INVALID' : 'MEDIA_CORRUPT';
}

/** The named error of a libav return code while opening or reading `uri`. Its message never holds credentials. */
export function readerError(code: number, uri: string, phase: 'open' | 'read'): PlatformError {
  const shown = scrubUri(uri);
  const named = codeOf(code, isNetworkUri(uri), phase === 'open');
  // A camera that is cut off while it answers gives invalid data too: it is tried again, unlike a file.
  return new PlatformError(named === 'MEDIA_INVALID' && CAMERA.test(uri) ? 'SOURCE_UNREACHABLE' : named, `cannot ${phase} ${shown}: ${explain(code).toLowerCase()}`, { uri: shown, libav: code, ...isLogin(code) && { isLogin: true }, ...NO_SUCH_TRANSPORT.has(code) && { refused: 'transport' } });
}
