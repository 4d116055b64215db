import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { alignedLines } from './aligned-lines.ts';
import type { Face } from './face.ts';
import { readRecords, singleLines, type InferLine } from './infer-lines.ts';
import { LINES_TYPE, openLines } from './line-writer.ts';
import { problemOf } from './problem.ts';
import { InferQuery, parseRequest } from './requests.ts';
import { resolveStream, type ResolvedStream } from './resolve-stream.ts';
import type { StreamSlot } from './stream-slots.ts';

/** Path of the detection stream. */
export const INFER_PATH = '/api/v1/infer';

type Query = z.output<typeof InferQuery>;

class ClientLeft extends Error {}
class StreamEnded extends Error {}

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

async function sendLines(face: Face, reply: FastifyReply, slot: StreamSlot, { lines, frames }: { readonly lines: AsyncIterable<InferLine>; readonly frames: number }): Promise<void> {
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
    slot.abort(new StreamEnded('the stream is complete')); // frees the source before the reader has taken the rest
    await writer.end();
  } catch (error) {
    if (error instanceof ClientLeft) return;
    const isSlow = error instanceof PlatformError && error.code === 'READER_SLOW';
    if (isSlow) counts.slowReaders++;
    if (!(error instanceof PlatformError)) { counts.failures++; face.log.error({ error }, 'stream failed unexpectedly'); }
    else if (error.code !== 'SHUTTING_DOWN') face.log.warn({ code: error.code, sentFrames }, 'stream ended early');
    slot.abort(error);
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
  const onClose = (): void => { slot.abort(new ClientLeft('the client left')); };
  reply.raw.once('close', onClose);
  if (reply.raw.destroyed) onClose();
  try {
    const streams = await Promise.all(query.stream.map((text) => resolveStream(face, text, slot.signal)));
    slot.signal.throwIfAborted();
    face.counts.openedStreams++;
    const lines = linesOf(face, query, streams, slot.signal);
    reply.hijack();
    await sendLines(face, reply, slot, { lines, frames: query.frames ?? Number.POSITIVE_INFINITY });
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
  app.head(INFER_PATH, (request, reply) => {
    checkedQuery(request);
    return reply.type(LINES_TYPE).send();
  });
  app.get(INFER_PATH, { exposeHeadRoute: false }, (request, reply) => serveInfer(face, request, reply));
}
