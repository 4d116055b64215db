/** One finding of `vto doctor`: `fail` makes the exit code 1, `warn` works but not well, `note` is good to know. */
export interface Finding { readonly level: 'ok' | 'note' | 'warn' | 'fail'; readonly topic: string; readonly says: string }

/** Bytes a second for reading. */
export function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e6 ? `${(bytesPerSecond / 1e6).toFixed(1)} MB/s` : `${(bytesPerSecond / 1e3).toFixed(0)} kB/s`;
}
