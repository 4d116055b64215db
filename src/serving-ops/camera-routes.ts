import type { FastifyInstance } from 'fastify';
import { encodersOf, picturesOf, wishesOf, type EncoderWish } from '../data-ops/camera-row.ts';
import { PlatformError } from '../engine/errors.ts';
import { checkEncoders } from '../feature-ops/check-encoders.ts';
import type { Modality } from '../messages/raster.ts';
import { streamNotAllowed } from './allow-stream.ts';
import type { Face } from './face.ts';
import { CameraBody, CameraChangeBody, CameraPath, NoQuery, parseRequest } from './requests.ts';
import { cameraView } from './resolve-stream.ts';
import { parseStreamUri, type StreamTarget } from './stream-uri.ts';

function parseUri(face: Face, uri: string, field: string): StreamTarget {
  try {
    return parseStreamUri(uri, face.schemes);
  } catch (error) {
    if (error instanceof PlatformError) throw new PlatformError(error.code, error.message, { field });
    throw error;
  }
}

/** Recordings are replayed over RTSP alone. */
function checkReplay(face: Face, uri: string): void {
  if (!/^rtsps?:\/\//i.test(uri)) throw new PlatformError('REQUEST_INVALID', 'replay is an rtsp:// or rtsps:// address', { field: 'replay' });
  checkAllowed(face, uri, 'replay');
}

/** What reads files here needs leave always; anything else too once other machines can call: it makes this one connect somewhere. */
function checkAllowed(face: Face, uri: string, field = 'uri'): void {
  const target = parseUri(face, uri, field);
  const readsFiles = target.kind === 'file' || face.schemes.some((scheme) => scheme.name === target.scheme && scheme.readsFiles);
  if ((readsFiles || !face.isLoopbackOnly) && !face.allowList.allows(target)) throw streamNotAllowed(target);
}

/** Encoders must exist and take their options; a model file needs leave, as every file that a request names. */
async function checkWanted(face: Face, encoders: readonly EncoderWish[], modality: Modality | null): Promise<void> {
  const wishes = encodersOf(encoders).encoders ?? [];
  for (const { options: { file } } of wishes) if (typeof file === 'string') checkAllowed(face, file);
  try {
    await checkEncoders(wishes, modality);
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'CONFIG_INVALID') throw new PlatformError('REQUEST_INVALID', error.message, { field: 'encoders' }, error);
    throw error;
  }
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
    body.fallbacks.forEach((uri, index) => checkAllowed(face, uri, `fallbacks.${String(index)}`));
    if (body.replay !== undefined) checkReplay(face, body.replay);
    const { id, uri, maxFps, detect, loop, encoders, ...wishes } = body;
    await checkWanted(face, encoders, wishes.modality === 'auto' ? null : wishes.modality);
    const view = await face.backend.addCamera({ id, uri, maxFps, isDetecting: detect, isLooping: loop, ...picturesOf(wishes), ...encodersOf(encoders), ...wishesOf(wishes) });
    face.log.info({ camera: view.id }, 'camera added by API');
    return await reply.code(201).header('location', `/api/v1/cameras/${view.id}`).send(view);
  });
  app.get('/api/v1/cameras/:id', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
  });
  app.patch('/api/v1/cameras/:id', async (request) => {
    parseRequest(NoQuery, request.query, 'query');
    const { id } = cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    const { encoders } = parseRequest(CameraChangeBody, request.body, 'body');
    await checkWanted(face, encoders, null); // whether its pictures are of the modality, they tell
    const view = await face.backend.changeEncoders(id, encodersOf(encoders).encoders ?? []);
    face.log.info({ camera: id, encoders: view.encoders.map(({ name }) => name).join() }, 'encoders changed by API');
    return view;
  });
  app.delete('/api/v1/cameras/:id', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { id } = cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    await face.backend.removeCamera(id);
    face.log.info({ camera: id }, 'camera removed by API');
    return await reply.code(204).send();
  });
}
