import type { CameraId } from '../../engine/units.ts';
import type { EncodingWish, PictureSettings } from '../../messages/desired-camera.ts';
import type { CameraRow } from '../store.ts';
import type { Database } from './database.ts';

interface Row { readonly id: CameraId; readonly uri: string; readonly max_fps: number | null; readonly is_detecting: number; readonly is_looping: number; readonly pictures: string | null; readonly encoders: string | null; readonly wishes: string | null }

type Wishes = Pick<CameraRow, 'fallbacks' | 'standby' | 'restoreAfterMs' | 'replay' | 'tenant' | 'priority'>;

/** The cameras as the user wants them. */
export class CameraTable {
  readonly #statements;

  constructor(database: Database) {
    this.#statements = {
      put: database.prepare('INSERT OR REPLACE INTO cameras (id, uri, max_fps, is_detecting, is_looping, pictures, encoders, wishes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
      remove: database.prepare('DELETE FROM cameras WHERE id = ?'),
      list: database.prepare<Row>('SELECT * FROM cameras ORDER BY id'),
    };
  }

  put({ id, uri, maxFps, isDetecting, isLooping, pictures, encoders, ...wishes }: CameraRow): void {
    this.#statements.put.run(id, uri, maxFps, Number(isDetecting), Number(isLooping), jsonOf(pictures), jsonOf(encoders), jsonOf(Object.keys(wishes).length > 0 ? wishes : undefined));
  }

  /** False when there was none. */
  remove(id: CameraId): boolean { return this.#statements.remove.run(id).changes > 0; }

  /** By id. */
  list(): readonly CameraRow[] {
    return this.#statements.list.all().map((row) => ({
      id: row.id, uri: row.uri, maxFps: row.max_fps, isDetecting: row.is_detecting === 1, isLooping: row.is_looping === 1,
      ...row.pictures !== null && { pictures: JSON.parse(row.pictures) as PictureSettings }, // written above
      ...row.encoders !== null && { encoders: JSON.parse(row.encoders) as readonly EncodingWish[] }, // written above
      ...row.wishes !== null && JSON.parse(row.wishes) as Wishes, // written above
    }));
  }
}

function jsonOf(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
