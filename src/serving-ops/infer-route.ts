import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { alignedLines } from './aligned-lines.ts';
import type { Face } from './face.ts';
import { readRecords, singleLines, type InferLine } from './infer-lines.ts';
import { LINES_TYPE } from './line-writer.ts';
import { InferQuery, parseRequest } from './requests.ts';
import { resolveStream, type ResolvedStream } from './resolve-stream.ts';
import { serveLines } from './serve-lines.ts';

/** Path of the detection stream. */
export const INFER_PATH = '/api/v1/infer';

type Query = z.output<typeof InferQuery>;

function checkedQuery(request: FastifyRequest): Query {
  const query = parseRequest(InferQuery, request.query, 'query');
  const isSeveral = query.stream.length > 1;
  const refuse = (field: string, reason: string): PlatformError => new PlatformError('REQUEST_INVALID', `query '${field}': ${reason}`, { field });
  if (isSeveral && query.align === undefined) throw refuse('align', 'several streams need the milliseconds within which their frames belong together');
  if (!isSeveral && query.align !== undefined) throw refuse('align', 'needs several streams');
  if (isSeveral && query.include !== undefined) throw refuse('include', 'cannot be combined with align');
  return query;
}

function linesOf(face: Face, query: Query, streams: readonly ResolvedStream[], signal: AbortSignal): AsyncIterable<InferLine> {
  const [first] = streams;
  if (first === undefined || query.align !== undefined) {
    if (new Set(streams.map((stream) => stream.camera)).size < streams.length) throw new PlatformError('REQUEST_INVALID', "query 'stream': names a camera twice", { field: 'stream' });
    return alignedLines(face, { streams, toleranceMs: query.align ?? 0, after: query.after, signal });
  }
  return singleLines(readRecords(face, first, query.after, signal), query.include === 'dropped');
}

function serveInfer(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const query = checkedQuery(request);
  return serveLines(face, reply, {
    cameras: query.stream.length, frames: query.frames ?? Number.POSITIVE_INFINITY,
    async open(signal) {
      const streams = await Promise.all(query.stream.map((text) => resolveStream(face, text, signal)));
      signal.throwIfAborted();
      return linesOf(face, query, streams, signal);
    },
  });
}

/** `GET /api/v1/infer`: detections as JSON lines. Its HEAD checks the query and opens nothing. */
export function inferRoutes(app: FastifyInstance, face: Face): void {
  app.head(INFER_PATH, (request, reply) => {
    checkedQuery(request);
    return reply.type(LINES_TYPE).send();
  });
  app.get(INFER_PATH, { exposeHeadRoute: false }, (request, reply) => serveInfer(face, request, reply));
}
