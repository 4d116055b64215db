import { PlatformError } from '../engine/errors.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';

/** Tells the user what failed and what to do, on standard error. Returns the exit code: 2 for wrong usage, else 1. */
export function reportFailure(error: unknown): number {
  if (error instanceof PlatformError) {
    process.stderr.write(`vto: ${error.code}: ${redactUri(error.message)}\n     ${error.help}\n`);
    return error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
  process.stderr.write(`vto: unexpected failure: ${redactUri(error instanceof Error ? error.stack ?? error.message : String(error))}\n`);
  return 1;
}
