import type { Clock } from '../../engine/clock.ts';
import type { CameraId } from '../../engine/units.ts';
import { withinLimit } from '../within-limit.ts';
import type { LiveAccess, Snapshot } from '../service.ts';

/** How old a picture may be that is given out again. */
const FRESH_MS = 1_000;
/** Cameras whose last picture is kept. */
const KEPT_MAX = 256;

interface Shelf { readonly taken: Map<number, { readonly atMs: number; readonly snapshot: Promise<Snapshot> }>; queue: Promise<unknown> }

/** Still pictures of cameras: each is made once a second at most for each width asked for, one at a time for each camera. */
export class Snapshots {
  readonly #live: () => LiveAccess;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #shelves = new Map<CameraId, Shelf>();

  constructor(live: () => LiveAccess, clock: Clock, limitMs: number) {
    this.#live = live;
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** @throws as `LiveAccess.snapshot`; TIMED_OUT */
  take(camera: CameraId, width: number | undefined): Promise<Snapshot> {
    const nowMs = this.#clock.monotonicMs();
    const shelf = this.#shelfOf(camera);
    for (const [key, { atMs }] of shelf.taken) if (nowMs - atMs >= FRESH_MS) shelf.taken.delete(key);
    const known = shelf.taken.get(width ?? 0);
    if (known !== undefined) return known.snapshot;
    const snapshot = shelf.queue.then(() => this.#make(camera, width));
    shelf.queue = snapshot.catch(() => undefined);
    shelf.taken.set(width ?? 0, { atMs: nowMs, snapshot });
    snapshot.catch(() => { if (shelf.taken.get(width ?? 0)?.snapshot === snapshot) shelf.taken.delete(width ?? 0); });
    return snapshot;
  }

  async #make(camera: CameraId, width: number | undefined): Promise<Snapshot> {
    const ending = new AbortController();
    try {
      return await withinLimit(this.#live().snapshot(camera, width, ending.signal), 'the picture', { ms: this.#limitMs, clock: this.#clock, signal: ending.signal });
    } finally {
      ending.abort();
    }
  }

  #shelfOf(camera: CameraId): Shelf {
    const known = this.#shelves.get(camera);
    if (known !== undefined) return known;
    if (this.#shelves.size >= KEPT_MAX) this.#shelves.delete(this.#shelves.keys().next().value as CameraId); // the oldest: a map that is full has one
    const shelf: Shelf = { taken: new Map(), queue: Promise.resolve() };
    this.#shelves.set(camera, shelf);
    return shelf;
  }
}
