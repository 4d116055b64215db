import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import type { Face } from './face.ts';
import { readRecords, singleLines, type InferLine } from './infer-lines.ts';
import { LINES_TYPE, openLines } from './line-writer.ts';
import { problemOf } from './problem.ts';
import { InferQuery, parseRequest } from './requests.ts';
import { resolveStream, type ResolvedStream } from './resolve-stream.ts';
import type { StreamSlot } from './stream-slots.ts';

type Query = z.output<typeof InferQuery>;

class ClientLeft extends Error {}

function checkedQuery(request: FastifyRequest): Query {
  const query = parseRequest(InferQuery, request.query, 'query');
  if (query.stream.length > 1) throw new PlatformError('REQUEST_INVALID', "query 'stream': one camera or URL a request", { field: 'stream' });
  return query;
}

function linesOf(face: Face, query: Query, streams: readonly ResolvedStream[], signal: AbortSignal): AsyncIterable<InferLine> {
  const [first] = streams.map((stream) => readRecords(face, stream, query.after, signal));
  if (first === undefined) throw new PlatformError('REQUEST_INVALID', "query 'stream' is missing", { field: 'stream' });
  return singleLines(first, query.include === 'dropped');
}

async function sendLines(face: Face, reply: FastifyReply, slot: StreamSlot, lines: AsyncIterable<InferLine>, frames: number): Promise<void> {
  const { clock, slowReaderMs, lingerMs, counts } = face;
  const writer = openLines(reply.raw, { clock, slowReaderMs, lingerMs, signal: slot.signal });
  let sentFrames = 0;
  let lastId: number | undefined;
  try {
    for await (const line of lines) {
      slot.signal.throwIfAborted();
      const hasRoom = writer.write(line.json);
      counts.sentLines++;
      lastId = line.lastId;
      if (!hasRoom) await writer.drained();
      if (line.isFrame && ++sentFrames >= frames) break;
    }
    await writer.end();
  } catch (error) {
    if (error instanceof ClientLeft) return;
    const isSlow = error instanceof PlatformError && error.code === 'READER_SLOW';
    if (isSlow) counts.slowReaders++;
    if (!(error instanceof PlatformError)) { counts.failures++; face.log.error({ error }, 'stream failed unexpectedly'); }
    else if (error.code !== 'SHUTTING_DOWN') face.log.warn({ code: error.code, sentFrames }, 'stream ended early');
    slot.abort(error); // frees the source before the reader has taken the rest
    await writer.end({ kind: 'problem', ...problemOf(error), ...(lastId === undefined ? {} : { after: lastId }) });
  }
}

async function serveInfer(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const query = checkedQuery(request);
  let slot: StreamSlot;
  try {
    slot = face.slots.open(query.stream.length);
  } catch (error) {
    face.counts.refusedStreams++;
    throw error;
  }
  reply.raw.once('close', () => { slot.abort(new ClientLeft('the client left')); });
  try {
    const streams = await Promise.all(query.stream.map((text) => resolveStream(face, text, slot.signal)));
    slot.signal.throwIfAborted();
    face.counts.openedStreams++;
    reply.hijack();
    await sendLines(face, reply, slot, linesOf(face, query, streams, slot.signal), query.frames ?? Number.POSITIVE_INFINITY);
  } catch (error) {
    if (!(error instanceof ClientLeft)) throw error;
    reply.hijack();
  } finally {
    slot.release();
  }
  return reply;
}

/** `GET /api/v1/infer`: detections as JSON lines. Its HEAD checks the query and opens nothing. */
export function inferRoutes(app: FastifyInstance, face: Face): void {
  app.head('/api/v1/infer', (request, reply) => {
    checkedQuery(request);
    return reply.type(LINES_TYPE).send();
  });
  app.get('/api/v1/infer', { exposeHeadRoute: false }, (request, reply) => serveInfer(face, request, reply));
}
