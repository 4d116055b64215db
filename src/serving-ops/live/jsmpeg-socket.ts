import type { WebSocket } from 'ws';
import { PlatformError } from '../../engine/errors.ts';
import type { CameraId } from '../../engine/units.ts';
import type { Face } from '../face.ts';
import { problemOf } from '../problem.ts';
import type { StreamSlot } from '../stream-slots.ts';
import { CLOSE_BASE } from './live-viewers.ts';

/** A player that has more than this unsent is sent nothing: it goes on with the next whole picture, as the transport stream lets it. */
const UNSENT_MAX_BYTES = 1 << 20;
/** Of the reason of a close, in bytes (RFC 6455, 5.5). */
const REASON_MAX_BYTES = 123;
const GOING_AWAY = 1001;

/** Serves `GET /api/v1/cameras/:id/jsmpeg`: a stream of MPEG-1 in binary messages. How it ended is told by the close: code 4000 and the HTTP status, reason `CODE: detail`. */
export async function serveJsmpeg(face: Face, socket: WebSocket, slot: StreamSlot, camera: CameraId): Promise<void> {
  const left = new AbortController();
  face.counts.openedStreams++;
  socket.on('error', () => { /* `close` follows */ });
  socket.once('close', () => left.abort(new Error('the viewer left')));
  try {
    for await (const bytes of face.jsmpeg.watch(camera, AbortSignal.any([left.signal, slot.signal]))) {
      if (socket.bufferedAmount > UNSENT_MAX_BYTES) face.counts.liveDropped++;
      else socket.send(bytes);
    }
    end(socket, slot.signal.reason instanceof PlatformError ? slot.signal.reason : new PlatformError('SHUTTING_DOWN', 'the stream has ended'));
  } catch (error) {
    if (!(error instanceof PlatformError)) { face.counts.failures++; face.log.error({ camera, error }, 'a stream for an old player failed unexpectedly'); }
    end(socket, error);
  } finally {
    left.abort();
    slot.release();
  }
}

function end(socket: WebSocket, error: unknown): void {
  const { code, status, detail } = problemOf(error);
  const reason = Buffer.from(`${code}: ${detail}`).subarray(0, REASON_MAX_BYTES).toString().replace(/\uFFFD$/u, '');
  socket.close(code === 'SHUTTING_DOWN' ? GOING_AWAY : CLOSE_BASE + status, reason);
}
