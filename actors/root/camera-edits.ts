import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { CameraEdit } from '../../src/data-ops/camera-row.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';

/** Changes of cameras through this process: those of one camera follow each other, so that none undoes what another has just said. */
export class CameraEdits {
  readonly #last = new Map<CameraId, Promise<void>>();

  /**
   * Lets an edit make another row of the one that `rowOf` has then, and hands it to `keep`.
   * @throws PlatformError CAMERA_UNKNOWN; what the edit or `keep` throws
   */
  apply(id: CameraId, edit: CameraEdit, { rowOf, keep }: { readonly rowOf: () => CameraRow | undefined; readonly keep: (row: CameraRow) => Promise<void> }): Promise<void> {
    const before = this.#last.get(id) ?? Promise.resolve();
    const change = before.catch(() => { /* told to whoever asked for it */ }).then(async () => {
      const row = await edit(present(rowOf(), id));
      present(rowOf(), id);
      await keep(row);
    });
    this.#last.set(id, change);
    const forget = (): void => { if (this.#last.get(id) === change) this.#last.delete(id); };
    change.then(forget, forget);
    return change;
  }
}

function present(row: CameraRow | undefined, id: CameraId): CameraRow {
  if (row === undefined) throw new PlatformError('CAMERA_UNKNOWN', `camera '${id}' is unknown`, { camera: id });
  return row;
}
