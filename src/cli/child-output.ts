import { Subject } from 'rxjs';
import type { Clock } from '../engine/clock.ts';
import { dropOldest } from '../flow/drop-oldest.ts';
import type { LogFields, Logger } from '../utility-ops/log.ts';

interface NativeLine { readonly process: string; readonly line: string }

interface LogLine { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string; readonly fields: LogFields }

/** Lines of native code that wait to be shown; beyond it the oldest are left out. */
const WAITING_MAX = 20;
/** A native library that complains about every frame gets ten lines a second. */
const LINE_EVERY_MS = 100;

/** What child processes write: their log lines keep their level; anything else is a warning, because only native code writes so. */
export class ChildOutput {
  readonly #log: Logger;
  readonly #native = new Subject<NativeLine>();
  #leftOut = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#native.pipe(dropOldest(WAITING_MAX, {
      project: async ({ process, line }) => {
        const leftOut = this.#leftOut;
        this.#leftOut = 0;
        log.warn({ process, line, ...(leftOut > 0 ? { linesLeftOut: leftOut } : {}) }, 'output of a native library');
        await clock.sleep(LINE_EVERY_MS);
      },
      onDrop: () => { this.#leftOut += 1; },
    })).subscribe();
  }

  /** Takes a line of a child's standard output or error. */
  line(process: string, line: string): void {
    const parsed = parseLogLine(line);
    if (parsed === undefined) this.#native.next({ process, line });
    else this.#log[parsed.level]({ ...parsed.fields, process }, parsed.message);
  }
}

function parseLogLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, message, time: _time, process: _process, ...fields } = JSON.parse(line) as Record<string, unknown>;
    if (typeof message !== 'string' || (level !== 'debug' && level !== 'info' && level !== 'warn' && level !== 'error')) return undefined;
    return { level, message, fields };
  } catch {
    return undefined;
  }
}
