// The RTSP test server as a process of its own: one JSON request per line on stdin, one JSON answer per line on stdout.
import { createInterface } from 'node:readline';
import { makeClip } from './clip.ts';
import type { ClipOptions } from './clip.ts';
import { startRtspServer } from './rtsp-server.ts';
import type { Fault, PathOptions, RtspServer } from './rtsp-server.ts';

/** What a line on stdin asks for; every answer carries the same `id` and either `result` or `error`. */
export type RtspCommand =
  /** Result: `{ url }`. */
  | { readonly do: 'add'; readonly path: string; readonly clip: ClipOptions; readonly options: Omit<PathOptions, 'content'> }
  | { readonly do: 'fault'; readonly path: string; readonly fault: Exclude<Fault, { kind: 'content' }> | { readonly kind: 'content'; readonly clip: ClipOptions } }
  | { readonly do: 'clear'; readonly path: string }
  /** Result: `SentFrame[]` from index `from` on. */
  | { readonly do: 'sent'; readonly path: string; readonly from: number }
  /** Result: `{ produced, playing, plays, sent }`, all counts. */
  | { readonly do: 'state'; readonly path: string }
  | { readonly do: 'listen'; readonly isListening: boolean };

async function carryOut(server: RtspServer, command: RtspCommand): Promise<unknown> {
  switch (command.do) {
    case 'add':
      server.addPath(command.path, { ...command.options, content: await makeClip(command.clip) });
      return { url: server.url(command.path) };
    case 'fault':
      server.path(command.path).fault(command.fault.kind === 'content' ? { kind: 'content', content: await makeClip(command.fault.clip) } : command.fault);
      return null;
    case 'clear': server.path(command.path).clear(); return null;
    case 'sent': return server.path(command.path).sent.slice(command.from);
    case 'state': {
      const path = server.path(command.path);
      return { produced: path.produced, playing: path.playing, plays: path.plays, sent: path.sent.length };
    }
    case 'listen': await server.listen(command.isListening); return null;
  }
}

const server = await startRtspServer(Number(process.argv[2] ?? 0));
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
say({ port: server.port });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...command } = JSON.parse(line) as RtspCommand & { id: number };
  try {
    say({ id, result: await carryOut(server, command as RtspCommand) });
  } catch (error) {
    say({ id, error: error instanceof Error ? error.message : String(error) });
  }
}
await server.close(); // stdin ended: whoever started this process is gone
