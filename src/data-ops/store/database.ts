import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PlatformError } from '../../engine/errors.ts';

/** What a column or a parameter may hold. */
export type SqlValue = string | number | null | Uint8Array;

/** SQLITE_BUSY and SQLITE_LOCKED: https://www.sqlite.org/rescode.html */
const BUSY_CODES: readonly unknown[] = [5, 6];

/** A prepared statement. `Row` states the columns; the tables are STRICT, so that SQLite itself keeps their types. */
export class Statement<Row = never> {
  readonly #inner: StatementSync;

  constructor(inner: StatementSync) { this.#inner = inner; }

  /** Rows in the order the query states. */
  all(...values: readonly SqlValue[]): readonly Row[] {
    return translated(() => this.#inner.all(...values)) as unknown as readonly Row[]; // STRICT tables: see the class
  }

  get(...values: readonly SqlValue[]): Row | undefined {
    return translated(() => this.#inner.get(...values)) as unknown as Row | undefined; // STRICT tables: see the class
  }

  run(...values: readonly SqlValue[]): { readonly changes: number; readonly lastId: number } {
    const result = translated(() => this.#inner.run(...values));
    return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
  }
}

/** One connection to an SQLite file: the only place that knows `node:sqlite`. Synchronous; errors are PlatformError STORE_FAILED. */
export class Database {
  readonly #inner: DatabaseSync;
  readonly #isReadOnly: boolean;
  #isOpen = true;

  /** The file, and its folder when missing, are made for their owner alone: camera URIs hold credentials. */
  constructor(file: string, options: { readonly isReadOnly: boolean; readonly busyMs: number }) {
    this.#isReadOnly = options.isReadOnly;
    this.#inner = translated(() => {
      if (!options.isReadOnly) makePrivateFile(file);
      return new DatabaseSync(file, { readOnly: options.isReadOnly, timeout: options.busyMs });
    });
  }

  /** Runs statements without results. */
  exec(sql: string): void { translated(() => this.#inner.exec(sql)); }

  /** Prepares one statement; keep it, preparing costs more than running. */
  prepare<Row = never>(sql: string): Statement<Row> {
    return new Statement<Row>(translated(() => this.#inner.prepare(sql)));
  }

  /** Runs `work` in one transaction: all of it is durable when this returns, none of it when this throws. */
  transaction<T>(work: () => T): T {
    if (this.#isReadOnly) throw new PlatformError('STORE_FAILED', 'the database was opened for reading only');
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#inner.isTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    translated(() => this.#inner.close());
  }
}

/** Ownership of a database file. The operating system ends it with the process, however that ends. */
export interface Lock { release(): void }

/**
 * Takes the ownership of a database file by a transaction on `<file>.lock` that is never committed.
 * A file of its own, since POSIX drops a process's locks on a file as soon as the process closes any other handle of it.
 * @throws PlatformError STORE_LOCKED when another process still owns it after `waitMs`
 */
export function lockDatabase(file: string, waitMs: number): Lock {
  const lock = new Database(`${file}.lock`, { isReadOnly: false, busyMs: waitMs });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new PlatformError('STORE_LOCKED', `another process owns the database ${file}`, { file }, error);
  }
  return { release: () => lock.close() };
}

function isBusy(error: unknown): boolean {
  const cause = error instanceof PlatformError ? error.cause : error;
  return cause instanceof Error && 'errcode' in cause && BUSY_CODES.includes(cause.errcode);
}

function makePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new PlatformError('STORE_FAILED', `database: ${message}`, {}, error);
  }
}
