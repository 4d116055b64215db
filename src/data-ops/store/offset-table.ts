import type { LogOffset } from '../store.ts';
import type { Database } from './database.ts';

interface Row { readonly topic: string; readonly partition: number; readonly next_offset: number }

/** How far the topics of a cluster were read. Its changes happen inside a transaction of the caller's. */
export class OffsetTable {
  readonly #statements;

  constructor(database: Database) {
    this.#statements = {
      put: database.prepare('INSERT OR REPLACE INTO log_offsets (topic, partition, next_offset) VALUES (?, ?, ?)'),
      list: database.prepare<Row>('SELECT * FROM log_offsets ORDER BY topic, partition'),
    };
  }

  put(offsets: readonly LogOffset[]): void {
    for (const { topic, partition, offset } of offsets) this.#statements.put.run(topic, partition, offset);
  }

  /** By topic and partition. */
  list(): readonly LogOffset[] {
    return this.#statements.list.all().map(row => ({ topic: row.topic, partition: row.partition, offset: row.next_offset }));
  }
}
