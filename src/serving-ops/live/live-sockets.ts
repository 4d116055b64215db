import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { PlatformError } from '../../engine/errors.ts';
import { every } from '../../engine/timers.ts';
import type { CameraId } from '../../engine/units.ts';
import { CHALLENGE } from '../authorize.ts';
import type { Face } from '../face.ts';
import { PROBLEM_TYPE, problemOf } from '../problem.ts';
import { LiveQuery, parseRequest } from '../requests.ts';
import { cameraView } from '../resolve-stream.ts';
import type { StreamSlot } from '../stream-slots.ts';
import { serveJsmpeg } from './jsmpeg-socket.ts';
import { SocketViewer, type LiveFormat } from './live-viewers.ts';

/** Who may connect. */
export interface SocketGuard {
  /** @throws PlatformError HOST_REFUSED, ORIGIN_REFUSED, UNAUTHORIZED, SHUTTING_DOWN */
  check(request: IncomingMessage, queryToken: string | undefined): void;
}

/** Bytes of a message that a viewer may send: none is expected. */
const MESSAGE_MAX_BYTES = 1024;
/** A viewer that answers no ping within two of these is gone. */
const PING_EVERY_MS = 10_000;
const SOCKET_PATH = /^\/api\/v1\/cameras\/([^/]+)\/(live|jsmpeg)$/;

/** True for requests that become a WebSocket; others that offer an upgrade (h2c) are answered as if they had not. */
export function isSocketRequest(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Serves `GET /api/v1/cameras/:id/live`, and `…/jsmpeg` for old players, on the server's upgrades (RFC 6455). */
export function liveSockets(server: Server, face: Face, guard: SocketGuard): void {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MESSAGE_MAX_BYTES, clientTracking: false });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    face.counts.requests++;
    socket.on('error', () => { /* the viewer left while it was being answered */ });
    try {
      const { camera, format } = askedFor(face, request, guard);
      const slot = face.slots.open(1);
      socket.once('close', () => slot.release());
      sockets.handleUpgrade(request, socket, head, viewer => { if (format === 'jsmpeg') void serveJsmpeg(face, viewer, slot, camera); else serve(face, viewer, slot, { camera, format }); });
    } catch (error) {
      refuse(face, socket, error);
    }
  });
}

function askedFor(face: Face, request: IncomingMessage, guard: SocketGuard): { readonly camera: CameraId; readonly format: LiveFormat | 'jsmpeg' } {
  const url = URL.canParse(request.url ?? '', 'http://vto') ? new URL(request.url ?? '', 'http://vto') : undefined;
  guard.check(request, url?.searchParams.get('access_token') ?? undefined);
  if (!isSocketRequest(request)) throw new PlatformError('REQUEST_INVALID', 'this server upgrades to WebSocket only', { field: 'upgrade' });
  const [, id, kind] = SOCKET_PATH.exec(url?.pathname ?? '') ?? [];
  if (url === undefined || id === undefined) throw new PlatformError('ROUTE_UNKNOWN', 'no WebSocket at this path');
  if (kind === 'jsmpeg') return { camera: cameraView(face, id).id, format: kind };
  const { format } = parseRequest(LiveQuery, Object.fromEntries(url.searchParams), 'query');
  return { camera: cameraView(face, id).id, format };
}

function serve(face: Face, socket: WebSocket, slot: StreamSlot, { camera, format }: { readonly camera: CameraId; readonly format: LiveFormat }): void {
  const viewer = new SocketViewer(socket, format, { onDrop: () => { face.counts.liveDropped++; face.hub.dropped(camera); } });
  face.counts.openedStreams++;
  const leave = face.hub.join(camera, viewer);
  let isAnswering = true;
  socket.on('pong', () => { isAnswering = true; });
  socket.on('error', () => { /* `close` follows */ });
  socket.once('close', () => { leave(); slot.release(); });
  slot.signal.addEventListener('abort', () => {
    leave();
    if (slot.signal.reason instanceof PlatformError) viewer.end(slot.signal.reason);
  }, { once: true });
  void every(PING_EVERY_MS, face.clock, slot.signal, () => {
    if (!isAnswering) { socket.terminate(); return; }
    isAnswering = false;
    socket.ping();
  });
}

/** Answers in HTTP, as the upgrade has not happened. */
function refuse(face: Face, socket: Duplex, error: unknown): void {
  const problem = problemOf(error);
  if (problem.code === 'UNEXPECTED') { face.counts.failures++; face.log.error({ error }, 'upgrade failed unexpectedly'); }
  if (problem.code === 'OVERLOADED') face.counts.refusedStreams++;
  const body = JSON.stringify(problem);
  const challenge = problem.status === 401 ? `www-authenticate: ${CHALLENGE}\r\n` : '';
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_TYPE}\r\n${challenge}connection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
