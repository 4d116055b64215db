import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/serving-ops/gateway.ts';
import { FakeBackend } from './fake-backend.ts';

/** A response, read to its end. */
export interface Answer { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string; readonly json: Record<string, unknown> }

/** A gateway over a fake backend, listening on a free port. */
export interface Rig {
  readonly backend: FakeBackend;
  readonly gateway: Gateway;
  readonly port: number;
  readonly logged: { level: string; fields: object; message: string }[];
  call(method: string, path: string, options?: { headers?: Record<string, string>; body?: string | object }): Promise<Answer>;
}

/** One request on a connection of its own. */
export function call(port: number, method: string, path: string, options: { headers?: Record<string, string>; body?: string | object } = {}): Promise<Answer> {
  const body = typeof options.body === 'object' ? JSON.stringify(options.body) : options.body;
  const headers = { ...(typeof options.body === 'object' ? { 'content-type': 'application/json' } : {}), ...options.headers };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { text += chunk; });
      response.on('error', reject);
      response.on('end', () => {
        let json: Record<string, unknown> = {};
        try { json = JSON.parse(text) as Record<string, unknown>; } catch { /* not JSON: the test looks at `text` */ }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Runs a check against a gateway of its own and closes it whatever happens. */
export async function withGateway(options: Partial<GatewayOptions>, check: (rig: Rig) => Promise<void>): Promise<void> {
  const backend = new FakeBackend();
  const logged: Rig['logged'] = [];
  const write = (level: string) => (fields: object, message: string): void => { logged.push({ level, fields, message }); };
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const gateway = await createGateway({ backend, clock: systemClock, log, port: 0, ...options });
  const { port } = await gateway.listen();
  try {
    await check({ backend, gateway, port, logged, call: (method, path, extra) => call(port, method, path, extra) });
  } finally {
    await gateway.close({ deadlineMs: 500 });
  }
}
