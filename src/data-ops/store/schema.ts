import { PlatformError } from '../../engine/errors.ts';
import type { Database } from './database.ts';

/**
 * Every version of the tables: entry `n` brings version `n` to `n + 1`. Entries are never changed once released, only added.
 * Ranges are inclusive; times are microseconds since the Unix epoch, UTC.
 */
const MIGRATIONS: readonly string[] = [`
  CREATE TABLE camera_names (key INTEGER PRIMARY KEY, camera TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE epochs (
    key INTEGER PRIMARY KEY, camera_key INTEGER NOT NULL REFERENCES camera_names, epoch INTEGER NOT NULL, reserved_at INTEGER NOT NULL,
    detected INTEGER NOT NULL DEFAULT 0, dropped TEXT NOT NULL DEFAULT '{}', gaps INTEGER NOT NULL DEFAULT 0, pruned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (camera_key, epoch)
  ) STRICT;
  -- kind 0: frames in chunk files, kind 1: frames with a terminal record; kept as ranges, so that a start reads no record.
  CREATE TABLE coverage (
    epoch_key INTEGER NOT NULL REFERENCES epochs, kind INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,
    PRIMARY KEY (epoch_key, kind, from_seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE models (key INTEGER PRIMARY KEY, model TEXT NOT NULL, digest TEXT NOT NULL, provider TEXT NOT NULL, UNIQUE (model, digest, provider)) STRICT;
  -- reason is null for a detected frame; body is then the JSON array that record-codec.ts describes.
  CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, camera_key INTEGER NOT NULL, epoch_key INTEGER NOT NULL REFERENCES epochs,
    from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, captured_at INTEGER NOT NULL,
    reason TEXT, model_key INTEGER REFERENCES models, body TEXT
  ) STRICT;
  CREATE INDEX records_by_camera ON records (camera_key);
  CREATE INDEX records_by_time ON records (captured_at);
  -- id is the order in which chunks were first indexed: retention goes by it, since event times of file sources start in 1970.
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, camera_key INTEGER NOT NULL REFERENCES camera_names, epoch INTEGER NOT NULL, chunk_seq INTEGER NOT NULL,
    path TEXT NOT NULL, first_frame_seq INTEGER NOT NULL, frame_count INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, is_open_gop INTEGER NOT NULL, content_hash TEXT, is_closed INTEGER NOT NULL, is_expired INTEGER NOT NULL,
    UNIQUE (camera_key, epoch, chunk_seq)
  ) STRICT;
  CREATE INDEX chunks_kept ON chunks (id, size_bytes, is_closed) WHERE is_expired = 0;
  CREATE INDEX chunks_open ON chunks (camera_key) WHERE is_closed = 0;
  CREATE TABLE events (id INTEGER PRIMARY KEY, camera_key INTEGER REFERENCES camera_names, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX events_by_camera ON events (camera_key);
  CREATE INDEX events_by_time ON events (at);
  CREATE TABLE cameras (
    id TEXT PRIMARY KEY, uri TEXT NOT NULL, max_fps REAL, is_detecting INTEGER NOT NULL, is_looping INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`, `
  -- How far the topics of a cluster were read into this file.
  CREATE TABLE log_offsets (topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;
  -- The newest camera-state event of each camera, which retention leaves alone.
  CREATE TABLE camera_states (camera_key INTEGER PRIMARY KEY REFERENCES camera_names, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
`, `
  -- The first frame behind the last one that is on Kafka.
  ALTER TABLE epochs ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0;
`, `
  -- JSON of how pictures are played and understood; null: as the source says.
  ALTER TABLE cameras ADD COLUMN pictures TEXT;
`, `
  -- JSON of the encoders that are wanted; null: none.
  ALTER TABLE cameras ADD COLUMN encoders TEXT;
  -- head is JSON of what nobody searches by; payload the values, row-major, little-endian.
  CREATE TABLE features (
    id INTEGER PRIMARY KEY AUTOINCREMENT, camera_key INTEGER NOT NULL REFERENCES camera_names, epoch INTEGER NOT NULL, frame_seq INTEGER NOT NULL,
    encoder TEXT NOT NULL, captured_at INTEGER NOT NULL, head TEXT NOT NULL, payload BLOB NOT NULL,
    UNIQUE (camera_key, epoch, frame_seq, encoder)
  ) STRICT;
  CREATE INDEX features_by_camera ON features (camera_key);
  CREATE INDEX features_by_time ON features (captured_at);
`, `
  -- JSON of what else is wanted of a camera: fallbacks, standby, restoreAfterMs, replay, tenant, priority; null: nothing was said.
  ALTER TABLE cameras ADD COLUMN wishes TEXT;
`];

/** Version of the tables that this build reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Version of the tables in a file; 0 for a new one. */
export function schemaVersion(database: Database): number {
  return database.prepare<{ readonly user_version: number }>('PRAGMA user_version').get()?.user_version ?? 0;
}

/**
 * Brings the tables forward to `SCHEMA_VERSION`, one transaction a step.
 * @throws PlatformError STORE_FAILED when a newer build wrote the file
 */
export function migrate(database: Database): void {
  const found = schemaVersion(database);
  if (found > SCHEMA_VERSION) {
    throw new PlatformError('STORE_FAILED', `the database has version ${found}, this build knows ${SCHEMA_VERSION}`, { found, known: SCHEMA_VERSION });
  }
  MIGRATIONS.slice(found).forEach((sql, index) => {
    database.transaction(() => database.exec(`${sql}; PRAGMA user_version = ${found + index + 1}`));
  });
}
