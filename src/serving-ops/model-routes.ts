import type { FastifyInstance } from 'fastify';
import type { Face } from './face.ts';
import { ModelBody, NoQuery, parseRequest } from './requests.ts';

/** Which models there are, which one detects, and the change of it. */
export function modelRoutes(app: FastifyInstance, face: Face): void {
  app.get('/api/v1/models', async (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { models: await face.backend.models() };
  });
  app.get('/api/v1/models/active', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return face.backend.activeModel();
  });
  app.put('/api/v1/models/active', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { model } = parseRequest(ModelBody, request.body, 'body');
    const view = await face.backend.useModel(model);
    face.log.info({ model }, 'model asked for by API');
    return await reply.code(202).header('location', '/api/v1/models/active').send(view);
  });
}
