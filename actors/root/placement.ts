import type { CameraId } from '../../src/engine/units.ts';
import { rowText } from '../../src/data-ops/camera-row.ts';
import type { DesiredCameras } from '../../src/data-ops/desired-cameras.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import type { EpochWatch } from './epoch-watch.ts';

/** What placement decides with, and whom it tells. */
export interface PlacementOptions {
  readonly desired: Pick<DesiredCameras, 'isKnown' | 'entries'>;
  readonly epochs: Pick<EpochWatch, 'own' | 'isReady' | 'epochOf'>;
  /** This node is to run the camera, or to run it otherwise than before; new sessions lie behind the epoch `floor`. */
  readonly place: (row: CameraRow, floor: number) => void;
  /** The camera is another node's now, or nobody's. */
  readonly displace: (id: CameraId) => void;
  /** The cluster's word was heard for the first time. */
  readonly onDecided: () => void;
}

/**
 * Which cameras this node runs: those whose partition of the cameras topic it is assigned. A camera stays until the topic or a new assignment is
 * without it: brokers that are away change nothing, and cameras that do not move are not touched.
 */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #placed = new Map<CameraId, string>();
  #partitions: ReadonlySet<number> | undefined;
  #isDecided = false;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** The assignment and the list of cameras were heard, so that the node runs what the cluster wants it to. */
  get isDecided(): boolean { return this.#isDecided; }

  isPlaced(id: CameraId): boolean { return this.#placed.has(id); }

  /** Runs cameras without the cluster's word, until it is heard. */
  assume(rows: readonly CameraRow[]): void {
    if (this.#isDecided) return;
    for (const row of rows) this.#place(row);
  }

  /** Takes an assignment: of now on, until the next one. */
  assign(partitions: readonly number[]): void {
    this.#partitions = new Set(partitions);
    this.#options.epochs.own(this.#partitions);
    this.settle();
  }

  /** Brings what runs in line with what is known. To be called when the list of cameras, or what is known of epochs, has changed. */
  settle(): void {
    const { desired, epochs, displace } = this.#options;
    if (!this.#partitions || !desired.isKnown) return;
    const owned = new Map(desired.entries().filter(({ partition }) => this.#partitions?.has(partition)).map(entry => [entry.row.id, entry]));
    for (const id of this.#placed.keys()) {
      if (owned.has(id)) continue;
      this.#placed.delete(id);
      displace(id);
    }
    for (const { row, partition } of owned.values()) {
      if (this.#placed.has(row.id) || epochs.isReady(partition)) this.#place(row);
    }
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#options.onDecided();
  }

  #place(row: CameraRow): void {
    const text = rowText(row);
    if (this.#placed.get(row.id) === text) return;
    this.#placed.set(row.id, text);
    this.#options.place(row, this.#options.epochs.epochOf(row.id));
  }
}
