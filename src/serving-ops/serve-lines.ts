import type { FastifyReply } from 'fastify';
import { PlatformError } from '../engine/errors.ts';
import type { Face } from './face.ts';
import type { InferLine } from './infer-lines.ts';
import { openLines } from './line-writer.ts';
import { problemOf } from './problem.ts';
import type { StreamSlot } from './stream-slots.ts';

/** A stream of JSON lines to be served. */
export interface LineStream {
  /** Cameras it counts for. */
  readonly cameras: number;
  /** Lines that count as frames, after which it is complete. */
  readonly frames: number;
  /** Opens what is streamed; errors become a problem answer, not a line. */
  open(signal: AbortSignal): Promise<AsyncIterable<InferLine>>;
}

class ClientLeft extends Error {}
class StreamEnded extends Error {}

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

/**
 * Serves a stream of lines: takes a slot for it, gives it back, and ends the stream when the client leaves, reads too slowly, or the gateway stops.
 * @throws PlatformError OVERLOADED; what opening throws
 */
export async function serveLines(face: Face, reply: FastifyReply, stream: LineStream): Promise<FastifyReply> {
  let slot: StreamSlot;
  try {
    slot = face.slots.open(stream.cameras);
  } catch (error) {
    face.counts.refusedStreams++;
    throw error;
  }
  const onClose = (): void => { slot.abort(new ClientLeft('the client left')); };
  reply.raw.once('close', onClose);
  if (reply.raw.destroyed) onClose();
  try {
    const lines = await stream.open(slot.signal);
    slot.signal.throwIfAborted();
    face.counts.openedStreams++;
    reply.hijack();
    await sendLines(face, reply, slot, { lines, frames: stream.frames });
  } catch (error) {
    if (!(error instanceof ClientLeft)) throw error;
    reply.hijack();
  } finally {
    slot.release();
  }
  return reply;
}
