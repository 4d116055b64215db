import type { FastifyInstance } from 'fastify';
import type { Balance, ChunkRow } from '../data-ops/store.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import { epochMicros } from '../engine/units.ts';
import type { Face } from './face.ts';
import { isoTime } from './iso-time.ts';
import { recordJson } from './record-json.ts';
import { ChunksQuery, EventsQuery, NoQuery, RecordsQuery, parseRequest } from './requests.ts';

function eventJson(event: PlatformEvent): object {
  return event.type === 'gap' || event.type === 'backfilled'
    ? { ...event, at: isoTime(event.at), from: isoTime(event.from), to: isoTime(event.to) }
    : { ...event, at: isoTime(event.at) };
}

function balanceJson(balance: Balance): object {
  const droppedTotal = Object.values(balance.dropped).reduce((sum, count) => sum + count, 0);
  return { ...balance, droppedTotal, isBalanced: balance.received === balance.detected + droppedTotal + balance.pending };
}

function chunkJson(chunk: ChunkRow): object {
  return { ...chunk, startedAt: isoTime(chunk.startedAt), endedAt: isoTime(chunk.endedAt) };
}

/** What has happened: records, events, chunks and the ledger. */
export function historyRoutes(app: FastifyInstance, face: Face): void {
  const { backend } = face;
  app.get('/api/v1/records', async (request) => {
    const { camera, after, limit } = parseRequest(RecordsQuery, request.query, 'query');
    const records = await backend.recordsAfter({ after, max: limit, ...(camera === undefined ? {} : { camera }) });
    return { records: records.map(recordJson), nextAfter: records.at(-1)?.id ?? after, isFull: records.length === limit };
  });
  app.get('/api/v1/events', async (request) => {
    const { camera, limit } = parseRequest(EventsQuery, request.query, 'query');
    const events = await backend.events({ max: limit, ...(camera === undefined ? {} : { camera }) });
    return { events: events.map(eventJson) };
  });
  app.get('/api/v1/chunks', async (request) => {
    const { camera, from, to, limit } = parseRequest(ChunksQuery, request.query, 'query');
    const chunks = await backend.chunks({
      max: limit, ...(camera === undefined ? {} : { camera }),
      ...(from === undefined ? {} : { from: epochMicros(from) }), ...(to === undefined ? {} : { to: epochMicros(to) }),
    });
    return { chunks: chunks.map(chunkJson) };
  });
  app.get('/api/v1/ledger', async (request) => {
    parseRequest(NoQuery, request.query, 'query');
    return { balances: (await backend.balances()).map(balanceJson) };
  });
}
