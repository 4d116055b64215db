import { isIP } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import { canonicalHost, canonicalPath, parseStreamUri, type StreamScheme, type StreamTarget } from './stream-uri.ts';

/** Which streams a caller may have opened besides the registered cameras. */
export interface AllowList {
  allows(target: StreamTarget): boolean;
}

const PATTERN = /^([a-z][a-z0-9+.-]+):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._*-]+)(?::(\d{1,5}|\*))?(\/[\x21-\x5b\x5d-\x7e]*)?$/i;

function invalid(pattern: string, reason: string): PlatformError {
  const shown = /[@]/.test(pattern) ? '(withheld)' : pattern;
  return new PlatformError('CONFIG_INVALID', `--allow-stream pattern '${shown}' ${reason}`, { field: 'serving.allowStreams' });
}

/** True when `text` matches `glob`, whose `*` stand for any run of characters. Linear in both: no backtracking beyond the last star. */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0, index = 0, star = -1, resume = 0;
  while (index < text.length) {
    if (glob[at] === '*') { star = at++; resume = index; }
    else if (glob[at] === text[index]) { at++; index++; }
    else if (star >= 0) { at = star + 1; index = ++resume; }
    else return false;
  }
  while (glob[at] === '*') at++;
  return at === glob.length;
}

type HostRule = (host: string) => boolean;

/** A host, `*` for any, or labels of which each may be `*` for exactly one label. `10.0.*.*` stands for addresses only. */
function hostRule(pattern: string, text: string): HostRule {
  const glob = text.toLowerCase();
  if (glob === '*') return () => true;
  if (!glob.includes('*')) {
    const host = canonicalHost(glob);
    return (candidate) => candidate === host;
  }
  const labels = glob.split('.');
  if (labels.some((label) => label === '' || (label !== '*' && label.includes('*')))) throw invalid(pattern, "may use '*' in the host only for whole labels");
  const isAddress = labels.length === 4 && labels.every((label) => /^(?:\*|\d{1,3})$/.test(label)) && labels[0] !== '*';
  if (!isAddress && (labels.lastIndexOf('*') === labels.length - 1)) throw invalid(pattern, "may not use '*' for the last label of a host name");
  return (candidate) => {
    const parts = candidate.split('.');
    return (isIP(candidate) === 4) === isAddress && parts.length === labels.length && labels.every((label, index) => label === '*' || label === parts[index]);
  };
}

function networkRule(pattern: string, parts: RegExpExecArray, scheme: StreamScheme): (target: StreamTarget) => boolean {
  const host = hostRule(pattern, parts[2] ?? '');
  const port = parts[3] === '*' ? '*' : Number(parts[3] ?? scheme.defaultPort);
  const path = canonicalPath(parts[4] ?? '');
  return (target) => target.kind === 'network' && target.scheme === scheme.name && host(target.host)
    && (port === '*' || port === target.port) && matchesGlob(path, target.path);
}

function ruleOf(pattern: string, schemes: readonly StreamScheme[]): (target: StreamTarget) => boolean {
  const name = /^([a-z][a-z0-9+.-]*):\/\//i.exec(pattern)?.[1]?.toLowerCase();
  const scheme = schemes.find((each) => each.name === name);
  if (name === undefined && !isAbsolute(pattern) && !/^\.\.?[/\\]/.test(pattern)) throw invalid(pattern, "is neither a URL nor a path; a file here is written './name'");
  if (name === undefined || name === 'file') {
    const exact = parseStreamUri(name === undefined ? resolve(pattern) : pattern, schemes);
    return (target) => exact.kind === 'file' && target.kind === 'file' && target.path === exact.path;
  }
  if (scheme === undefined) throw invalid(pattern, `names no known scheme (known: ${schemes.map((each) => each.name).join(', ')})`);
  if (scheme.defaultPort === undefined) {
    const glob = pattern.slice(name.length + 3);
    return (target) => target.kind === 'opaque' && target.scheme === name && matchesGlob(glob, target.rest);
  }
  const parts = PATTERN.exec(pattern);
  if (parts === null) throw invalid(pattern, `is not ${name}://host:port/path without credentials`);
  return networkRule(pattern, parts, scheme);
}

/**
 * Reads `--allow-stream` patterns. Network: `scheme://host[:port]/path`; without port the scheme's own; `*` in the path matches anything,
 * query included, in the host exactly one label, as port any. Files: exact paths (`./name` for one below the
 * working folder) or file URLs only, a `*` in them is a character.
 * @throws PlatformError CONFIG_INVALID naming the pattern
 */
export function createAllowList(patterns: readonly string[], schemes: readonly StreamScheme[]): AllowList {
  const rules = patterns.map((pattern) => {
    try {
      return ruleOf(pattern, schemes);
    } catch (error) {
      if (error instanceof PlatformError && error.code !== 'CONFIG_INVALID') throw invalid(pattern, `cannot be used: ${error.message}`);
      throw error;
    }
  });
  return { allows: (target) => rules.some((rule) => rule(target)) };
}

/** The narrowest pattern worth suggesting: a host for network streams, else the very thing. Holds no credentials. */
export function suggestPattern(target: StreamTarget): string {
  switch (target.kind) {
    case 'network': return `${target.scheme}://${target.host}${target.port === target.defaultPort ? '' : `:${String(target.port)}`}/*`;
    case 'file': return target.path;
    case 'opaque': return `${target.scheme}://${target.rest}`;
  }
}

/** The refusal of a stream that is neither registered nor allowed, with the flag that would allow it, quoted for a POSIX shell. */
export function streamNotAllowed(target: StreamTarget): PlatformError {
  const flag = `--allow-stream '${suggestPattern(target).replaceAll("'", String.raw`'\''`)}'`;
  return new PlatformError('STREAM_NOT_ALLOWED', `the stream is no registered camera and not allowed by ${flag}`, { flag });
}
