import type { FastifyInstance } from 'fastify';
import { ENDPOINTS } from './endpoints.ts';
import type { Face } from './face.ts';
import { REGISTRY_ENDPOINTS } from './registry-routes.ts';
import { NoQuery, ReadyQuery, parseRequest } from './requests.ts';
import { treeText } from './tree-text.ts';

/** Index, liveness, readiness and metrics. */
export function healthRoutes(app: FastifyInstance, face: Face): void {
  app.get('/', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { name: 'VisuTility Orchestrator', endpoints: [...ENDPOINTS, ...REGISTRY_ENDPOINTS] };
  });
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', (request, reply) => {
    const { format } = parseRequest(ReadyQuery, request.query, 'query');
    const { ready, reasons } = face.backend.isReady();
    const tree = face.backend.tree();
    reply.code(ready ? 200 : 503);
    if (format === 'json') return reply.send({ ready, reasons, tree });
    const head = ready ? 'ready' : `not ready: ${reasons.join('; ')}`;
    return reply.type('text/plain; charset=utf-8').send(`${head}\n${treeText(tree)}\n`);
  });
  app.get('/metrics', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { contentType, body } = await face.backend.metrics();
    return await reply.header('content-type', contentType).send(body);
  });
}
