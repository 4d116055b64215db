import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../../engine/errors.ts';
import { withinLimit } from '../within-limit.ts';
import type { Face } from '../face.ts';
import { CameraPath, FileQuery, LiveQuery, parseRequest, SnapshotQuery } from '../requests.ts';
import { cameraView } from '../resolve-stream.ts';
import { FileViewer } from './live-viewers.ts';

/** Path of the progressive MP4, which does not end by itself. */
export const LIVE_FILE_PATH = '/api/v1/cameras/:id/live.mp4';

const FILE_TYPE = 'video/mp4';

/**
 * Pictures of one camera as they come:
 *
 * - `GET /api/v1/cameras/:id/live`, a WebSocket (`live-sockets.ts`). Text messages are JSON: `start` first and whenever the stream changes: {codec (RFC 6381, null where no browser decodes it),
 *   codecName, width, height, timeBase, frameRate, description (base64, for WebCodecs), mime, epoch}; `detections` and `dropped`: how frames ended, by frame id (epoch, frameSeq);
 *   `gap`: units were left out, a key frame follows; `end`: nothing follows, with the problem. Binary messages are one picture each, laid out as `src/messages/live-message.ts` says.
 *   `?format=fmp4` gives fragments of MP4 instead, for Media Source Extensions, the initialisation segment first.
 * - `GET …/live.mp4`: the same fragments as one file that does not end.
 * - `GET …/snapshot.jpg?width=`: the newest key frame.
 */
export function liveRoutes(app: FastifyInstance, face: Face): void {
  const config = { takesQueryToken: true };
  app.get('/api/v1/cameras/:id/live', { config, exposeHeadRoute: false }, (request, reply) => {
    cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    parseRequest(LiveQuery, request.query, 'query');
    reply.headers({ connection: 'Upgrade', upgrade: 'websocket' });
    throw new PlatformError('UPGRADE_NEEDED', 'live pictures come over a WebSocket; live.mp4 beside it is for clients without');
  });
  app.get('/api/v1/cameras/:id/jsmpeg', { config, exposeHeadRoute: false }, (request, reply) => {
    cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    reply.headers({ connection: 'Upgrade', upgrade: 'websocket' });
    throw new PlatformError('UPGRADE_NEEDED', 'pictures for JSMpeg players come over a WebSocket');
  });
  app.head(LIVE_FILE_PATH, { config }, (request, reply) => {
    checkedFile(face, request);
    return reply.type(FILE_TYPE).send();
  });
  app.get(LIVE_FILE_PATH, { config, exposeHeadRoute: false }, (request, reply) => serveFile(face, request, reply));
  app.get('/api/v1/cameras/:id/snapshot.jpg', { config }, (request, reply) => serveSnapshot(face, request, reply));
}

function checkedFile(face: Face, request: FastifyRequest): ReturnType<typeof cameraView>['id'] {
  parseRequest(FileQuery, request.query, 'query');
  return cameraView(face, parseRequest(CameraPath, request.params, 'path').id).id;
}

async function serveFile(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const camera = checkedFile(face, request);
  const slot = face.slots.open(1);
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<PlatformError | undefined>();
  const viewer = new FileViewer(reply.raw, { onDrop: () => { face.counts.liveDropped++; face.hub.dropped(camera); } }, {
    onStart: () => {
      face.counts.openedStreams++;
      reply.hijack();
      reply.raw.writeHead(200, { 'content-type': FILE_TYPE, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      begun.resolve();
    },
    onEnd: error => { ended.resolve(error); if (error) begun.reject(error); },
  });
  begun.promise.catch(() => { /* awaited below, unless the client left first */ });
  const onClose = (): void => slot.abort(new ClientLeft('the client left'));
  reply.raw.once('close', onClose);
  slot.signal.addEventListener('abort', () => ended.resolve(undefined), { once: true });
  const leave = face.hub.join(camera, viewer);
  try {
    await withinLimit(begun.promise, 'the first picture', { ms: face.answerMs, clock: face.clock, signal: slot.signal });
    await ended.promise;
    reply.raw.end();
  } catch (error) {
    if (!(error instanceof ClientLeft)) throw error;
    reply.hijack();
  } finally {
    leave();
    slot.release();
  }
  return reply;
}

class ClientLeft extends Error {}

async function serveSnapshot(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { width } = parseRequest(SnapshotQuery, request.query, 'query');
  const camera = cameraView(face, parseRequest(CameraPath, request.params, 'path').id).id;
  const shot = await face.snapshots.take(camera, width);
  const etag = `"${shot.epoch}-${shot.frameSeq}-${shot.width}"`;
  reply.headers({ etag, 'last-modified': new Date(shot.capturedAt / 1000).toUTCString(), 'cache-control': 'private, max-age=1' });
  if (request.headers['if-none-match'] === etag) return await reply.code(304).send();
  return await reply.type('image/jpeg').send(Buffer.from(shot.jpeg.buffer, shot.jpeg.byteOffset, shot.jpeg.byteLength));
}
