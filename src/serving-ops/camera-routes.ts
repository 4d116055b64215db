import type { FastifyInstance } from 'fastify';
import { encodersOf } from '../data-ops/camera-row.ts';
import { PlatformError } from '../engine/errors.ts';
import { checkEncoders } from '../feature-ops/check-encoders.ts';
import { streamNotAllowed } from './allow-stream.ts';
import { patchedWish, rowOfBody, type CameraWish } from './camera-body.ts';
import type { Face } from './face.ts';
import { CameraBody, CameraPath, NoQuery, parseRequest } from './requests.ts';
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

function checkSources(face: Face, { uri, fallbacks, replay }: { readonly uri?: string | undefined; readonly fallbacks: readonly string[]; readonly replay?: string | undefined }): void {
  if (uri !== undefined) checkAllowed(face, uri);
  if (typeof replay === 'string') checkReplay(face, replay);
  fallbacks.forEach((fallback, index) => { checkAllowed(face, fallback, `fallbacks.${String(index)}`); });
}

/** Encoders must exist and take their options; a model file needs leave, as every file that a request names. */
async function checkWanted(face: Face, { encoders, modality }: Pick<CameraWish, 'encoders' | 'modality'>): Promise<void> {
  const wishes = encodersOf(encoders).encoders ?? [];
  for (const { options: { file } } of wishes) if (typeof file === 'string') checkAllowed(face, file);
  try {
    await checkEncoders(wishes, modality === 'auto' ? null : modality);
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'CONFIG_INVALID') throw new PlatformError('REQUEST_INVALID', error.message, { field: 'encoders' }, error);
    throw error;
  }
}

/** The camera collection: list, add, show, change, remove. */
export function cameraRoutes(app: FastifyInstance, face: Face): void {
  app.get('/api/v1/cameras', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { cameras: face.backend.cameras() };
  });
  app.post('/api/v1/cameras', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const body = parseRequest(CameraBody, request.body, 'body');
    checkSources(face, body);
    await checkWanted(face, body);
    const view = await face.backend.addCamera(rowOfBody(body));
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
    const { body } = request;
    const view = await face.backend.changeCamera(id, async (row) => {
      const wish = patchedWish(row, body);
      const said = body as Readonly<Partial<CameraWish>>; // an object with keys of a wish: just checked
      checkSources(face, { uri: said.uri, fallbacks: said.fallbacks ?? [], replay: said.replay }); // what it had before, the settings may have given it
      if (said.encoders !== undefined || said.modality !== undefined) await checkWanted(face, wish);
      return rowOfBody(wish);
    });
    face.log.info({ camera: id, changed: Object.keys(body as object).join() }, 'camera changed by API');
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
