import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { answer, challenge, isAuthorized, sessionDescription, takeRequest } from './rtsp-message.ts';
import type { RtspRequest } from './rtsp-message.ts';
import { cameraPath } from './rtsp-path.ts';
import type { CameraPath, PathOptions, Player } from './rtsp-path.ts';

export type { CameraPath, Content, ContentUnit, Fault, PathOptions, RecordedFrame, SentFrame } from './rtsp-path.ts';

/** An RTSP 1.0 server on loopback (RFC 2326; RTP over the RTSP connection, section 10.12): cameras that stamp, log and fail on demand. */
export interface RtspServer {
  readonly port: number;
  /** Opens a camera; it replaces one of the same name. */
  addPath(name: string, options: PathOptions): CameraPath;
  path(name: string): CameraPath;
  /** With the credentials of the path. */
  url(name: string): string;
  /** Connections open now. */
  readonly connections: number;
  /** Stops listening (ECONNREFUSED) or listens again on the same port; open connections stay. */
  listen(isListening: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server; port 0 picks a free one. */
export async function startRtspServer(port = 0): Promise<RtspServer> {
  const paths = new Map<string, CameraPath>();
  const sockets = new Set<Socket>();
  let sessions = 0;
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, paths, () => ++sessions);
  };
  let listener = await listening(port, accept);
  const address = listener.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  const path = (name: string): CameraPath => {
    const found = paths.get(name);
    if (found === undefined) throw new Error(`no path '${name}' on the test server`);
    return found;
  };
  return {
    port: boundPort, path,
    addPath(name, options) {
      paths.get(name)?.close();
      const added = cameraPath(name, options);
      paths.set(name, added);
      return added;
    },
    url(name) {
      const login = path(name).credentials;
      const prefix = login === undefined ? '' : `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`;
      return `rtsp://${prefix}127.0.0.1:${boundPort}/${name}`;
    },
    get connections() { return sockets.size; },
    async listen(isListening) {
      if (listener.listening === isListening) return;
      if (isListening) listener = await listening(boundPort, accept);
      else listener.close();
    },
    async close() {
      for (const camera of paths.values()) camera.close();
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listening(port: number, accept: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Answers one connection until it closes. */
function serve(socket: Socket, paths: ReadonlyMap<string, CameraPath>, nextSession: () => number): void {
  let pending: Buffer = Buffer.alloc(0);
  const session = { id: randomBytes(6).toString('hex'), channel: 0, player: undefined as Player | undefined };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => session.player?.stop());
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const { request, rest } = takeRequest(pending);
      pending = rest;
      if (request === null) return;
      void respond(request, { socket, session, paths, nextSession });
    }
  });
}

interface Exchange {
  readonly socket: Socket;
  readonly session: { readonly id: string; channel: number; player: Player | undefined };
  readonly paths: ReadonlyMap<string, CameraPath>;
  readonly nextSession: () => number;
}

async function respond(request: RtspRequest, exchange: Exchange): Promise<void> {
  const { socket, session } = exchange;
  const path = exchange.paths.get(request.path);
  const write = (text: string): void => { if (!socket.destroyed) socket.write(text); };
  if (path?.isRefusing === true && session.player === undefined) { socket.destroy(); return; }
  if (path?.isMute === true && session.player === undefined) return;
  if (path === undefined) { write(answer('404 Not Found', request)); return; }
  const login = path.isRejecting ? { user: '', password: '' } : path.credentials;
  if (request.method !== 'OPTIONS' && login !== undefined && (path.isRejecting || !isAuthorized(request, login))) {
    write(answer('401 Unauthorized', request, { 'WWW-Authenticate': challenge(login) }));
    return;
  }
  const named = { Session: `${session.id};timeout=60` };
  switch (request.method) {
    case 'OPTIONS': write(answer('200 OK', request, { Public: 'OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER' })); return;
    case 'DESCRIBE': {
      if (path.slowStartMs > 0) await new Promise((resolve) => setTimeout(resolve, path.slowStartMs));
      const description = sessionDescription(path.content.codec, await path.keyUnit(), path.content.frameRate);
      write(answer('200 OK', request, { 'Content-Base': `${request.url}/`, 'Content-Type': 'application/sdp' }, description));
      return;
    }
    case 'SETUP': write(setup(request, exchange)); return;
    case 'PLAY':
      write(answer('200 OK', request, named));
      session.player ??= path.play(socket, session.channel, exchange.nextSession());
      return;
    case 'GET_PARAMETER': write(answer('200 OK', request, named)); return;
    case 'TEARDOWN':
      session.player?.stop();
      write(answer('200 OK', request, named));
      socket.end();
      return;
    default: write(answer('501 Not Implemented', request));
  }
}

function setup(request: RtspRequest, { session }: Exchange): string {
  const interleaved = /RTP\/AVP\/TCP.*interleaved=(\d+)-\d+/.exec(request.headers.get('transport') ?? '');
  if (interleaved === null) return answer('461 Unsupported Transport', request);
  session.channel = Number(interleaved[1]);
  const transport = `RTP/AVP/TCP;unicast;interleaved=${session.channel}-${session.channel + 1}`;
  return answer('200 OK', request, { Transport: transport, Session: `${session.id};timeout=60` });
}
