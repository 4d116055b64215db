import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { StoredFeature } from '../data-ops/store.ts';
import { epochMicros, type CameraId } from '../engine/units.ts';
import { encoderCatalogue } from '../feature-ops/encoder-catalogue.ts';
import { withinLimit } from './within-limit.ts';
import type { Face } from './face.ts';
import type { InferLine } from './infer-lines.ts';
import { isoTime } from './iso-time.ts';
import { LINES_TYPE } from './line-writer.ts';
import { CameraPath, FeaturesQuery, NoQuery, parseRequest } from './requests.ts';
import { cameraView } from './resolve-stream.ts';
import { serveLines } from './serve-lines.ts';

/** Path of a camera's features. */
export const FEATURES_PATH = '/api/v1/cameras/:id/features';

type Query = z.output<typeof FeaturesQuery>;

/** How often a stream asks for what is new. */
const FOLLOW_MS = 200;

/** Features of one page of a stream. */
const PAGE = 64;

/** A feature as the API shows it: `values` as numbers, or as base64 of little-endian float32, row-major in `shape`. */
function featureJson({ id, feature }: StoredFeature, values: Query['values']): object {
  const { camera, epoch, frameSeq, capturedAt, ptsSeconds, modality, encoder, dtype, shape, payload } = feature;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return {
    kind: 'feature', id, camera, epoch, frameSeq, capturedAt: isoTime(capturedAt), pts: ptsSeconds, modality, encoder, dtype, shape,
    values: values === 'base64' ? bytes.toString('base64') : [...new Float32Array(Uint8Array.prototype.slice.call(bytes).buffer)],
  };
}

/** What a query asks the store for. */
function wantedOf(camera: CameraId, { encoder, from, to }: Query): { readonly camera: CameraId; readonly encoder?: string; readonly from?: ReturnType<typeof epochMicros>; readonly to?: ReturnType<typeof epochMicros> } {
  return { camera, ...encoder === undefined ? {} : { encoder }, ...from === undefined ? {} : { from: epochMicros(from) }, ...to === undefined ? {} : { to: epochMicros(to) } };
}

/** Features as they are stored, from `after`, or from the newest on, until the camera is removed. */
async function* followed(face: Face, camera: CameraId, query: Query, signal: AbortSignal): AsyncGenerator<InferLine, void> {
  const wanted = wantedOf(camera, query);
  let after = query.after ?? (await face.backend.features({ ...wanted, max: 1 })).at(-1)?.id ?? 0;
  while (!signal.aborted && face.backend.cameras().some(({ id }) => id === camera)) {
    const page = await face.backend.features({ ...wanted, after, max: PAGE });
    for (const stored of page) {
      after = stored.id;
      yield { json: featureJson(stored, query.values), isFrame: true, lastId: after };
    }
    if (page.length === 0) await face.clock.sleep(FOLLOW_MS, signal).catch(() => { /* the loop sees why */ });
  }
  signal.throwIfAborted();
}

/** Features of the frames of a camera: pages of what is stored, or a stream of what comes. */
export function featureRoutes(app: FastifyInstance, face: Face): void {
  const asked = (params: unknown, query: unknown): { readonly camera: CameraId; readonly query: Query } => (
    { camera: cameraView(face, parseRequest(CameraPath, params, 'path').id).id, query: parseRequest(FeaturesQuery, query, 'query') }
  );
  app.head(FEATURES_PATH, (request, reply) => {
    const { query } = asked(request.params, request.query);
    return reply.type(query.format === 'ndjson' ? LINES_TYPE : 'application/json; charset=utf-8').send();
  });
  app.get(FEATURES_PATH, { exposeHeadRoute: false }, async (request, reply) => {
    const { camera, query } = asked(request.params, request.query);
    if (query.format === 'ndjson') return await serveLines(face, reply, { cameras: 1, frames: Number.POSITIVE_INFINITY, open: async (signal) => followed(face, camera, query, signal) });
    const { after, limit, values } = query;
    const page = face.backend.features({ ...wantedOf(camera, query), ...after === undefined ? {} : { after }, max: limit });
    const features = await withinLimit(page, 'reading features', { ms: face.answerMs, clock: face.clock, signal: new AbortController().signal });
    return { features: features.map((stored) => featureJson(stored, values)), nextAfter: features.at(-1)?.id ?? after ?? 0 };
  });
  app.get('/api/v1/encoders', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { encoders: encoderCatalogue() };
  });
}
