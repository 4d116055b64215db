import type { Readable } from 'node:stream';

/** A longer line is given in pieces, so that a process that never ends its line takes no memory here. */
const LINE_MAX = 16_384;

/** Gives the lines of a stream of text as they come, without their ends; the last one may have none. */
export function followLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length < LINE_MAX) return;
    onLine(rest);
    rest = '';
  });
  stream.on('end', () => { if (rest !== '') onLine(rest); });
  stream.on('error', () => { /* a pipe that broke ends with its process */ });
}
