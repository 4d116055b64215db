import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket as Datagrams } from 'node:dgram';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { answer, challenge, isAuthorized, sessionDescription, takeRequest } from './rtsp-message.ts';
import type { RtspRequest } from './rtsp-message.ts';
import { cameraPath } from './rtsp-path.ts';
import type { CameraPath, Deliver, PathOptions, Player } from './rtsp-path.ts';

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

/** Where and how a server listens. */
export interface RtspServerOptions {
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** Within TLS, by this certificate and key in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts a server; port 0 picks a free one. */
export async function startRtspServer(port = 0, options: RtspServerOptions = {}): Promise<RtspServer> {
  const { host = '127.0.0.1', tls } = options;
  const paths = new Map<string, CameraPath>();
  const sockets = new Set<Socket>();
  let sessions = 0;
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, paths, () => ++sessions);
  };
  let listener = await listening(port, accept, options);
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
      return `${tls === undefined ? 'rtsp' : 'rtsps'}://${prefix}${host.includes(':') ? `[${host}]` : host}:${boundPort}/${name}`;
    },
    get connections() { return sockets.size; },
    async listen(isListening) {
      if (listener.listening === isListening) return;
      if (isListening) listener = await listening(boundPort, accept, options);
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

function listening(port: number, accept: (socket: Socket) => void, { host = '127.0.0.1', tls }: RtspServerOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Answers one connection until it closes. */
function serve(socket: Socket, paths: ReadonlyMap<string, CameraPath>, nextSession: () => number): void {
  let pending: Buffer = Buffer.alloc(0);
  const session: Session = { id: randomBytes(6).toString('hex'), deliver: undefined, datagrams: [], player: undefined };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    session.player?.stop();
    for (const datagrams of session.datagrams) datagrams.close();
  });
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

interface Session { readonly id: string; deliver: Deliver | undefined; datagrams: Datagrams[]; player: Player | undefined }

interface Exchange {
  readonly socket: Socket;
  readonly session: Session;
  readonly paths: ReadonlyMap<string, CameraPath>;
  readonly nextSession: () => number;
}

async function respond(request: RtspRequest, exchange: Exchange): Promise<void> {
  const { socket, session } = exchange;
  const path = exchange.paths.get(request.path.replace(/~-?\d+$/, ''));
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
      const base = path.options.namesBase === false ? {} : { 'Content-Base': `${request.url}/` };
      write(answer('200 OK', request, { ...base, 'Content-Type': 'application/sdp' }, path.options.describe?.(description) ?? description));
      return;
    }
    case 'SETUP': write(await setup(request, exchange, path.options.transport)); return;
    case 'PLAY':
      write(answer('200 OK', request, named));
      if (session.deliver !== undefined) session.player ??= path.play(socket, session.deliver, { session: exchange.nextSession(), view: request.path });
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

/** The first stream that is set up is the one that plays. */
async function setup(request: RtspRequest, { session, socket }: Exchange, only: 'tcp' | 'udp' | undefined): Promise<string> {
  const wanted = request.headers.get('transport') ?? '';
  const named = { Session: `${session.id};timeout=60` };
  const interleaved = /RTP\/AVP\/TCP.*interleaved=(\d+)-\d+/.exec(wanted);
  if (interleaved !== null && only !== 'udp') {
    const channel = Number(interleaved[1]);
    session.deliver ??= (packet, isReport) => interleave(socket, channel + (isReport ? 1 : 0), packet);
    return answer('200 OK', request, { Transport: `RTP/AVP/TCP;unicast;interleaved=${channel}-${channel + 1}`, ...named });
  }
  const ports = /RTP\/AVP(?:\/UDP)?;.*client_port=(\d+)-(\d+)/.exec(wanted);
  if (ports === null || only === 'tcp') return answer('461 Unsupported Transport', request);
  const [rtp, rtcp] = [await datagramSocket(socket), await datagramSocket(socket)];
  session.datagrams = [rtp, rtcp];
  session.deliver = (packet, isReport) => { if (!socket.destroyed) (isReport ? rtcp : rtp).send(packet, Number(ports[isReport ? 2 : 1]), socket.remoteAddress); };
  const transport = `RTP/AVP;unicast;client_port=${ports[1]}-${ports[2]};server_port=${rtp.address().port}-${rtcp.address().port}`;
  return answer('200 OK', request, { Transport: transport, ...named });
}

/** RFC 2326, section 10.12. */
function interleave(socket: Socket, channel: number, packet: Uint8Array): void {
  const head = Buffer.alloc(4);
  head[0] = 0x24;
  head[1] = channel;
  head.writeUInt16BE(packet.length, 2);
  socket.write(head);
  socket.write(packet);
}

async function datagramSocket({ localAddress = '127.0.0.1', remoteFamily }: Socket): Promise<Datagrams> {
  const datagrams = createSocket(remoteFamily === 'IPv6' ? 'udp6' : 'udp4');
  datagrams.on('error', () => { /* the client is gone */ });
  await new Promise<void>((resolve) => { datagrams.bind(0, localAddress, () => resolve()); });
  return datagrams;
}
