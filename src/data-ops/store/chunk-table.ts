import { type CameraId, type EpochMicros, epochMicros } from '../../engine/units.ts';
import { countOf, difference } from '../interval-set.ts';
import type { ChunkRow, SeqRange } from '../store.ts';
import type { Database } from './database.ts';
import type { EpochBook, EpochEntry } from './epoch-book.ts';

interface Row {
  readonly id: number; readonly camera: CameraId; readonly epoch: number; readonly chunk_seq: number; readonly path: string;
  readonly first_frame_seq: number; readonly frame_count: number; readonly started_at: number; readonly ended_at: number; readonly size_bytes: number;
  readonly is_open_gop: number; readonly content_hash: string | null; readonly is_closed: number; readonly is_expired: number;
}

const SELECT = 'SELECT chunks.*, camera_names.camera FROM chunks JOIN camera_names ON camera_names.key = chunks.camera_key';

/** Which chunks to list. */
export interface ChunkQuery { readonly camera?: CameraId; readonly onlyOpen?: boolean; readonly onlyOfEpoch?: number }

/** The index of recorded chunks. Its changes happen inside a transaction of the caller's. */
export class ChunkTable {
  readonly #database: Database;
  readonly #book: EpochBook;
  readonly #statements;

  constructor(database: Database, book: EpochBook) {
    this.#database = database;
    this.#book = book;
    this.#statements = {
      find: database.prepare<{ readonly first_frame_seq: number; readonly frame_count: number }>('SELECT first_frame_seq, frame_count FROM chunks WHERE camera_key = ? AND epoch = ? AND chunk_seq = ?'),
      // An expired chunk stays expired: its file is gone, whoever still holds an older row of it.
      put: database.prepare(`INSERT INTO chunks (camera_key, epoch, chunk_seq, path, first_frame_seq, frame_count, started_at, ended_at, size_bytes, is_open_gop, content_hash, is_closed, is_expired)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (camera_key, epoch, chunk_seq) DO UPDATE SET
        path = excluded.path, first_frame_seq = excluded.first_frame_seq, frame_count = excluded.frame_count, started_at = excluded.started_at,
        ended_at = excluded.ended_at, size_bytes = excluded.size_bytes, is_open_gop = excluded.is_open_gop, content_hash = excluded.content_hash,
        is_closed = excluded.is_closed, is_expired = max(is_expired, excluded.is_expired)`),
      keptBytes: database.prepare<{ readonly total: number | null }>('SELECT sum(size_bytes) AS total FROM chunks WHERE is_expired = 0'),
      closed: database.prepare<Row>(`${SELECT} WHERE chunks.is_expired = 0 AND chunks.is_closed = 1 ORDER BY chunks.id`),
      oldest: database.prepare<Row>(`${SELECT} WHERE chunks.is_expired = 0 AND chunks.is_closed = 1 AND chunks.id > ? ORDER BY chunks.id LIMIT 256`),
      expire: database.prepare('UPDATE chunks SET is_expired = 1 WHERE id = ?'),
      epochAt: database.prepare<{ readonly epoch: number }>('SELECT epoch FROM chunks WHERE camera_key = ? AND started_at <= ? ORDER BY epoch DESC LIMIT 1'),
    };
  }

  /** Inserts or updates chunks; the frames they hold become received, those that an update takes away no longer are. */
  put(rows: readonly ChunkRow[]): void {
    for (const row of rows) {
      const entry = this.#book.ensure(row.camera, row.epoch);
      const before = this.#statements.find.get(entry.cameraKey, row.epoch, row.chunkSeq);
      this.#statements.put.run(
        entry.cameraKey, row.epoch, row.chunkSeq, row.path, row.firstFrameSeq, row.frameCount, Math.round(row.startedAt), Math.round(row.endedAt),
        row.sizeBytes, Number(row.isOpenGop), row.contentHash, Number(row.isClosed), Number(row.isExpired),
      );
      const isShrunk = before !== undefined && (before.frame_count > row.frameCount || before.first_frame_seq !== row.firstFrameSeq);
      if (isShrunk && before.frame_count > 0) entry.received.delete({ from: before.first_frame_seq, to: before.first_frame_seq + before.frame_count - 1 });
      if (row.frameCount > 0) entry.received.add({ from: row.firstFrameSeq, to: row.firstFrameSeq + row.frameCount - 1 });
      this.#book.covered(entry);
    }
  }

  /** Chunks by camera, epoch and chunkSeq. */
  list(query: ChunkQuery): readonly ChunkRow[] {
    const conditions: string[] = [];
    const values: number[] = [];
    if (query.camera !== undefined) {
      conditions.push('chunks.camera_key = ?');
      values.push(this.#book.cameraKey(query.camera) ?? -1);
    }
    if (query.onlyOfEpoch !== undefined) {
      conditions.push('chunks.epoch = ?');
      values.push(query.onlyOfEpoch);
    }
    if (query.onlyOpen === true) conditions.push('chunks.is_closed = 0');
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    return this.#database.prepare<Row>(`${SELECT} ${where} ORDER BY chunks.camera_key, chunks.epoch, chunks.chunk_seq`).all(...values).map(toChunkRow);
  }

  /** Marks the chunks indexed first as expired until the rest is at most `maxBytes`; open chunks stay and count. */
  expire(maxBytes: number): readonly ChunkRow[] {
    let excess = (this.#statements.keptBytes.get()?.total ?? 0) - maxBytes;
    const expired: ChunkRow[] = [];
    for (let after = 0; excess > 0;) {
      const rows = this.#statements.oldest.all(after);
      if (rows.length === 0) break;
      for (const row of rows) {
        if (excess <= 0) break;
        after = row.id;
        excess -= row.size_bytes;
        this.#statements.expire.run(row.id);
        expired.push({ ...toChunkRow(row), isExpired: true });
      }
    }
    return expired;
  }

  /** Marks closed chunks as expired whose frames all have a record. */
  expireAccounted(): readonly ChunkRow[] {
    return this.#statements.closed.all().filter(row => {
      const entry = this.#book.find(row.camera, row.epoch);
      const missing = difference([{ from: row.first_frame_seq, to: row.first_frame_seq + row.frame_count - 1 }], entry?.accounted.set.ranges() ?? []);
      if (missing.length > 0) return false;
      this.#statements.expire.run(row.id);
      return true;
    }).map(row => ({ ...toChunkRow(row), isExpired: true }));
  }

  /** What of the files holds frames without a record. */
  waitingBytes(entry: EpochEntry, missing: readonly SeqRange[]): number {
    let bytes = 0;
    for (const row of this.list({ camera: entry.camera, onlyOfEpoch: entry.epoch })) {
      if (row.isExpired || row.frameCount === 0) continue;
      const chunk = [{ from: row.firstFrameSeq, to: row.firstFrameSeq + row.frameCount - 1 }];
      bytes += row.sizeBytes * (1 - countOf(difference(chunk, missing)) / row.frameCount);
    }
    return Math.round(bytes);
  }

  /** The newest epoch of a camera that had started at a time. */
  epochAt(cameraKey: number, at: EpochMicros): number | undefined {
    return this.#statements.epochAt.get(cameraKey, at)?.epoch;
  }
}

function toChunkRow(row: Row): ChunkRow {
  return {
    camera: row.camera, epoch: row.epoch, chunkSeq: row.chunk_seq, path: row.path, firstFrameSeq: row.first_frame_seq, frameCount: row.frame_count,
    startedAt: epochMicros(row.started_at), endedAt: epochMicros(row.ended_at), sizeBytes: row.size_bytes, isOpenGop: row.is_open_gop === 1,
    contentHash: row.content_hash, isClosed: row.is_closed === 1, isExpired: row.is_expired === 1,
  };
}
