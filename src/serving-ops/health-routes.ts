import type { FastifyInstance } from 'fastify';
import { ENDPOINTS } from './endpoints.ts';
import type { Face } from './face.ts';
import { isoTime } from './iso-time.ts';
import { REGISTRY_ENDPOINTS } from './registry-routes.ts';
import { NoQuery, ReadyQuery, parseRequest } from './requests.ts';
import { scrub } from './scrub.ts';
import type { LinkView } from './service.ts';
import { treeText } from './tree-text.ts';

/**
 * Index, liveness, readiness and metrics.
 *
 * `/healthz` says that this process works and asks nobody: brokers that are away must not make Kubernetes restart what records and serves
 * without them. `/readyz` says whether requests should come here: not before the node can answer them rightly (its processes are up and, on
 * a gateway, list and records of the cluster were read to where they ended), and from then on also while brokers are away or records come
 * late, since every other gateway would be cut off too and an answer from what is stored is better than none; that is told as `degraded`.
 */
export function healthRoutes(app: FastifyInstance, face: Face): void {
  app.get('/', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { name: 'VisuTility Orchestrator', endpoints: [...ENDPOINTS, ...REGISTRY_ENDPOINTS] };
  });
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', (request, reply) => {
    const { format } = parseRequest(ReadyQuery, request.query, 'query');
    const { ready, reasons, degraded = [], links = [] } = face.backend.isReady();
    const tree = face.backend.tree();
    reply.code(ready ? 200 : 503);
    if (format === 'json') return reply.send({ ready, reasons, degraded, links: links.map(linkJson), tree });
    const head = [
      ready ? 'ready' : `not ready: ${reasons.join('; ')}`, ...(degraded.length === 0 ? [] : [`degraded: ${degraded.join('; ')}`]),
      ...links.map(({ name, state, since, message }) => `${name} ${state} since ${isoTime(since)}${message === undefined ? '' : `: ${scrub(message)}`}`),
    ];
    return reply.type('text/plain; charset=utf-8').send(`${head.join('\n')}\n${treeText(tree)}\n`);
  });
  app.get('/metrics', async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    const { contentType, body } = await face.backend.metrics();
    return await reply.header('content-type', contentType).send(body);
  });
}

function linkJson(link: LinkView): object {
  return { ...link, since: isoTime(link.since) };
}
