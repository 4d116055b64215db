import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { PlatformError } from '../engine/errors.ts';

/** Severity of log lines. `error`: something is lost or a human is needed; `warn`: recovered; `info`: lifecycle; `debug`: the rest. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What belongs to a log line: small values. URIs in them are scrubbed; values of secret keys are masked. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines: a constant sentence, and fields. Errors are given as the field `error`. */
export interface Logger {
  debug(fields: LogFields, sentence: string): void;
  info(fields: LogFields, sentence: string): void;
  warn(fields: LogFields, sentence: string): void;
  error(fields: LogFields, sentence: string): void;
  /** A logger whose lines all carry `fields`. */
  child(fields: LogFields): Logger;
}

/** How lines are written. */
export interface LogOptions {
  readonly level: LogLevel | 'silent';
  /** `auto`: pretty when `isTerminal`, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** The log goes to a terminal. */
  readonly isTerminal: boolean;
  /** Takes credentials out of a text (`redactUri`). */
  readonly scrub: (text: string) => string;
  /** Carried by every line, such as the name of the process. */
  readonly fields?: LogFields;
  /** Where lines go, newline included. @default standard error, so that results own standard output */
  readonly write?: (line: string) => void;
}

const SECRET_KEY = /passw|secret|token|credential|authorization|api_?key/i;
const DEPTH_MAX = 4;
const ITEMS_MAX = 50;
const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'ERROR' };
const COLOURS: Readonly<Record<number, number>> = { 20: 90, 30: 36, 40: 33, 50: 31 };

/** Makes the logger of a process. */
export function createLogger(options: LogOptions): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal);
  const target: DestinationStream = options.write === undefined ? standardError() : { write: options.write };
  const destination = isPretty ? { write: (line: string) => target.write(prettify(line, options.isTerminal)) } : target;
  const base = scrubFields(options.fields ?? {}, options.scrub);
  return wrap(pino({ level: options.level, base, messageKey: 'message', formatters: { level: (level) => ({ level }) }, ...(isPretty ? { formatters: {} } : {}) }, destination), options.scrub);
}

function standardError(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: true });
  stream.on('error', () => {}); // a log that nobody reads any more must not end the service
  return stream;
}

function wrap(logger: PinoLogger, scrub: (text: string) => string): Logger {
  const write = (level: LogLevel) => (fields: LogFields, sentence: string): void => {
    if (logger.isLevelEnabled(level)) logger[level](scrubFields(fields, scrub), scrub(sentence));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: (fields) => wrap(logger.child(scrubFields(fields, scrub)), scrub) };
}

function scrubFields(fields: LogFields, scrub: (text: string) => string): Record<string, unknown> {
  return scrubObject(fields, scrub, 0);
}

function scrubObject(object: object, scrub: (text: string) => string, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) clean[key] = SECRET_KEY.test(key) && value !== undefined ? '***' : scrubValue(value, scrub, depth);
  return clean;
}

function scrubValue(value: unknown, scrub: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return scrubError(value, scrub, depth);
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item: unknown) => scrubValue(item, scrub, depth + 1));
  return scrubObject(value, scrub, depth + 1);
}

function scrubError(error: Error, scrub: (text: string) => string, depth: number): Record<string, unknown> {
  return {
    ...(error instanceof PlatformError ? { code: error.code, help: error.help, facts: scrubObject(error.facts, scrub, depth) } : { stack: scrub(error.stack ?? '') }),
    message: scrub(error.message),
    ...(error.cause === undefined || depth >= DEPTH_MAX ? {} : { cause: scrubValue(error.cause, scrub, depth + 1) }),
  };
}

/** `12:00:01.250 info  camera connected camera=dock-2 fps=25`, with one colour for the level on a terminal. */
function prettify(line: string, isColoured: boolean): string {
  const { level, time, message, ...fields } = JSON.parse(line) as { level: number; time: number; message?: string } & Record<string, unknown>;
  const name = LEVELS[level] ?? String(level);
  const shown = isColoured ? `\u001b[${COLOURS[level] ?? 0}m${name}\u001b[0m` : name;
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined).map(([key, value]) => ` ${key}=${plainValue(value)}`);
  return `${new Date(time).toISOString().slice(11, 23)} ${shown} ${message ?? ''}${pairs.join('')}\n`;
}

function plainValue(value: unknown): string {
  if (typeof value !== 'string') return isReportedError(value) ? JSON.stringify(`${value.code ?? 'UNEXPECTED'}: ${value.message}`) : JSON.stringify(value);
  return /^[\w.:/@%+*-]+$/.test(value) ? value : JSON.stringify(value);
}

function isReportedError(value: unknown): value is { readonly code?: string; readonly message: string } {
  return typeof value === 'object' && value !== null && 'message' in value && ('code' in value || 'stack' in value);
}
