import type { FastifyInstance } from 'fastify';
import { picturesOf } from '../data-ops/camera-row.ts';
import { PlatformError } from '../engine/errors.ts';
import { streamNotAllowed } from './allow-stream.ts';
import type { Face } from './face.ts';
import { CameraBody, CameraPath, NoQuery, parseRequest } from './requests.ts';
import { cameraView } from './resolve-stream.ts';
import { parseStreamUri, type StreamTarget } from './stream-uri.ts';

function parseUri(face: Face, uri: string): StreamTarget {
  try {
    return parseStreamUri(uri, face.schemes);
  } catch (error) {
    if (error instanceof PlatformError) throw new PlatformError(error.code, error.message, { field: 'uri' });
    throw error;
  }
}

/** What reads files here needs leave always; anything else too once other machines can call: it makes this one connect somewhere. */
function checkAllowed(face: Face, uri: string): void {
  const target = parseUri(face, uri);
  const readsFiles = target.kind === 'file' || face.schemes.some((scheme) => scheme.name === target.scheme && scheme.readsFiles);
  if ((readsFiles || !face.isLoopbackOnly) && !face.allowList.allows(target)) throw streamNotAllowed(target);
}

/** The camera collection: list, add, show, remove. */
export function cameraRoutes(app: FastifyInstance, face: Face): void {
  app.get('/api/v1/cameras', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { cameras: face.backend.cameras() };
  });
  app.post('/api/v1/cameras', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const body = parseRequest(CameraBody, request.body, 'body');
    checkAllowed(face, body.uri);
    const { id, uri, maxFps, detect, loop, ...pictures } = body;
    const view = await face.backend.addCamera({ id, uri, maxFps, isDetecting: detect, isLooping: loop, ...picturesOf(pictures) });
    face.log.info({ camera: view.id }, 'camera added by API');
    return await reply.code(201).header('location', `/api/v1/cameras/${view.id}`).send(view);
  });
  app.get('/api/v1/cameras/:id', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
  });
  app.delete('/api/v1/cameras/:id', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { id } = cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    await face.backend.removeCamera(id);
    face.log.info({ camera: id }, 'camera removed by API');
    return await reply.code(204).send();
  });
}
