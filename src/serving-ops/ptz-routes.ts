import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import type { PtzCommand, PtzVector } from '../ingress/onvif/ptz.ts';
import type { Face } from './face.ts';
import { CameraPath, NoQuery, parseRequest } from './requests.ts';
import { cameraView } from './resolve-stream.ts';

const axis = z.number().min(-1).max(1).optional();
const vector = { pan: axis, tilt: axis, zoom: axis };
const speed = z.strictObject(vector).optional();

/** A camera that is told to move and never to stop, as its teller is gone, stops by itself. */
const MOVE_MS = 5_000;

/** Body of `POST /api/v1/cameras/:id/ptz`: one of its keys. */
const PtzBody = z.strictObject({
  move: z.strictObject({ ...vector, forMs: z.int().min(100).max(60_000).default(MOVE_MS) }).optional(),
  absolute: z.strictObject({ ...vector, speed }).optional(),
  relative: z.strictObject({ ...vector, speed }).optional(),
  stop: z.literal(true, { error: 'must be true' }).optional(),
  home: z.literal(true, { error: 'must be true' }).optional(),
  preset: z.string().min(1).max(256).optional(),
});

/** Moving cameras: where one looks and the places it knows, and what it is told. */
export function ptzRoutes(app: FastifyInstance, face: Face): void {
  app.get('/api/v1/cameras/:id/ptz', async (request) => {
    parseRequest(NoQuery, request.query, 'query');
    const { id } = cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    return await face.backend.ptz.view(id);
  });
  app.post('/api/v1/cameras/:id/ptz', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { id } = cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    await face.backend.ptz.command(id, commandOf(parseRequest(PtzBody, request.body, 'body')));
    return await reply.code(204).send();
  });
}

function commandOf({ move, absolute, relative, stop, home, preset }: z.output<typeof PtzBody>): PtzCommand {
  const said = [
    ...move ? [{ kind: 'continuous' as const, velocity: axesOf(move), forMs: move.forMs }] : [],
    ...absolute ? [{ kind: 'absolute' as const, position: axesOf(absolute), ...absolute.speed && { speed: axesOf(absolute.speed) } }] : [],
    ...relative ? [{ kind: 'relative' as const, translation: axesOf(relative), ...relative.speed && { speed: axesOf(relative.speed) } }] : [],
    ...stop ? [{ kind: 'stop' as const }] : [], ...home ? [{ kind: 'home' as const }] : [], ...preset === undefined ? [] : [{ kind: 'preset' as const, token: preset }],
  ];
  const [command] = said;
  if (said.length !== 1 || !command) throw new PlatformError('REQUEST_INVALID', 'body as a whole: must hold one of move, absolute, relative, stop, home, preset', { field: '' });
  return command;
}

/** Axes that were named. @throws PlatformError REQUEST_INVALID when none was */
function axesOf({ pan, tilt, zoom }: { readonly pan?: number | undefined; readonly tilt?: number | undefined; readonly zoom?: number | undefined }): PtzVector {
  if (pan === undefined && tilt === undefined && zoom === undefined) throw new PlatformError('REQUEST_INVALID', 'body as a whole: must name pan, tilt or zoom', { field: 'pan' });
  return { ...pan !== undefined && { pan }, ...tilt !== undefined && { tilt }, ...zoom !== undefined && { zoom } };
}
