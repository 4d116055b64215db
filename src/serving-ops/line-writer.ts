import type { ServerResponse } from 'node:http';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';

/** Media type of JSON lines. */
export const LINES_TYPE = 'application/x-ndjson; charset=utf-8';

/** How long a reader may take. */
export interface LineWriterOptions {
  readonly clock: Clock;
  /** Aborts when nobody needs the lines any more. */
  readonly signal: AbortSignal;
  /** A full write buffer that does not empty within this time means the reader is too slow. */
  readonly slowReaderMs: number;
  /** What a reader gets to take the rest, once the last line is written, before the connection is cut. */
  readonly lingerMs: number;
}

/** Writes JSON lines to a response, each flushed at once. What waits for the reader is bounded: one write buffer and one line. */
export interface LineWriter {
  /** Hands the line over; false when the buffer is full and `drained` must be awaited before the next. */
  write(line: object): boolean;
  /**
   * Resolves when the reader has taken what was written.
   * @throws PlatformError READER_SLOW; the signal's reason
   */
  drained(): Promise<void>;
  /** Ends the response, after `last` if given. Resolves when it is sent or the connection is cut; never rejects. */
  end(last?: object): Promise<void>;
}

function untilDrained(response: ServerResponse, options: LineWriterOptions): Promise<void> {
  const { signal, slowReaderMs } = options;
  const timer = new AbortController();
  return new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void): void => {
      timer.abort();
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onDrain = (): void => settle(resolve);
    const onAbort = (): void => settle(() => reject(signal.reason));
    response.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
    const waiting = response.writableLength;
    const tooSlow = new PlatformError('READER_SLOW', `the reader left ${String(waiting)} bytes unread for ${String(slowReaderMs)} ms`, { waitingBytes: waiting, slowReaderMs });
    options.clock.sleep(slowReaderMs, timer.signal).then(() => settle(() => reject(tooSlow)), () => undefined);
    if (signal.aborted) onAbort();
  });
}

function finished(response: ServerResponse, options: LineWriterOptions): Promise<void> {
  if (response.closed || response.destroyed) return Promise.resolve();
  const timer = new AbortController();
  return new Promise<void>((resolve) => {
    response.once('close', () => { timer.abort(); resolve(); });
    options.clock.sleep(options.lingerMs, timer.signal).then(() => { response.destroy(); }, () => undefined);
  });
}

/** Sends the head of the response and returns its writer. */
export function openLines(response: ServerResponse, options: LineWriterOptions): LineWriter {
  response.writeHead(200, { 'content-type': LINES_TYPE, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  return {
    write: (line) => response.write(`${JSON.stringify(line)}\n`),
    drained: () => untilDrained(response, options),
    end(last) {
      if (!response.destroyed) response.end(last === undefined ? undefined : `${JSON.stringify(last)}\n`);
      return finished(response, options);
    },
  };
}
