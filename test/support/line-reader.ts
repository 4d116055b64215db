import { request as httpRequest, type IncomingMessage } from 'node:http';

/** A client of a JSON lines stream. */
export interface LineReader {
  readonly status: number;
  readonly response: IncomingMessage;
  readonly lines: Record<string, unknown>[];
  /** `end`: complete; `cut`: the connection broke. */
  readonly done: Promise<'end' | 'cut'>;
  leave(): void;
}

/** Opens a stream and collects its lines; `isPaused` reads nothing until `response.resume()`. */
export function readLines(port: number, path: string, isPaused = false): Promise<LineReader> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      const lines: Record<string, unknown>[] = [];
      let rest = '';
      response.setEncoding('utf8');
      const done = new Promise<'end' | 'cut'>((settle) => {
        response.on('close', () => settle(response.complete ? 'end' : 'cut'));
        response.on('error', () => settle('cut'));
      });
      response.on('data', (chunk: string) => {
        if (!chunk.includes('\n')) { rest += chunk; return; }
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>);
      });
      if (isPaused) response.pause();
      resolve({ status: response.statusCode ?? 0, response, lines, done, leave: () => request.destroy() });
    });
    request.on('error', reject);
    request.end();
  });
}
