import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ClipOptions } from './clip.ts';
import type { RtspCommand } from './rtsp-server-main.ts';
import type { PathOptions, SentFrame } from './rtsp-server.ts';

/** A test server outside of this process, so that nothing that kills the tested program can touch the oracle. */
export interface RtspServerProcess {
  readonly port: number;
  readonly pid: number;
  /** Adds a camera that plays a generated clip; resolves with its URL. */
  add(path: string, clip?: ClipOptions, options?: Omit<PathOptions, 'content'>): Promise<string>;
  fault(path: string, fault: Extract<RtspCommand, { do: 'fault' }>['fault']): Promise<void>;
  clear(path: string): Promise<void>;
  sent(path: string, from?: number): Promise<SentFrame[]>;
  state(path: string): Promise<{ produced: number; playing: number; plays: number; sent: number }>;
  listen(isListening: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts the server as a child process. */
export async function spawnRtspServer(port = 0): Promise<RtspServerProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('rtsp-server-main.ts', import.meta.url)), String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const started = Promise.withResolvers<number>();
  let nextId = 0;
  child.once('exit', (code) => {
    const error = new Error(`the RTSP test server ended with code ${code}`);
    started.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as { id?: number; port?: number; result?: unknown; error?: string };
    if (message.id === undefined) { started.resolve(message.port ?? 0); return; }
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) caller?.resolve(message.result);
    else caller?.reject(new Error(message.error));
  });
  const ask = <Result>(command: RtspCommand): Promise<Result> => new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
  });
  return {
    port: await started.promise, pid: child.pid ?? 0,
    add: async (path, clip = {}, options = {}) => (await ask<{ url: string }>({ do: 'add', path, clip, options })).url,
    fault: (path, fault) => ask({ do: 'fault', path, fault }),
    clear: (path) => ask({ do: 'clear', path }),
    sent: (path, from = 0) => ask({ do: 'sent', path, from }),
    state: (path) => ask({ do: 'state', path }),
    listen: (isListening) => ask({ do: 'listen', isListening }),
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
