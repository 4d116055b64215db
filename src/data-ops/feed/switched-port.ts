import type { Clock } from '../../engine/clock.ts';
import type { Envelope } from '../../engine/ports.ts';
import { deferred } from '../../engine/timers.ts';
import type { CameraId } from '../../engine/units.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import { backfillLane } from '../../messages/lane.ts';
import type { LinkOutPort } from '../../transports/ipc-types.ts';
import { FedTrack } from './fed-track.ts';
import { Handover, type GopReader } from './handover.ts';

/** What a switched port works with. */
export interface SwitchedPortOptions {
  /** The consumer to begin with. */
  readonly port: LinkOutPort<ChunkPart>;
  readonly gopOf: GopReader;
  readonly clock: Clock;
  /** Seconds from handing the first frame of a camera to a new consumer until that has ended it. */
  readonly onPause: (seconds: number) => void;
}

/**
 * An output to one consumer after another. A successor takes the cameras over one by one, at frame boundaries, while the consumer before goes on with the
 * others. Whatever goes wrong on the way is told as an attachment: everything without a record is then fed again, as after a crash.
 */
export class SwitchedPort implements LinkOutPort<ChunkPart> {
  readonly #options: SwitchedPortOptions;
  readonly #tracks = new Map<CameraId, FedTrack>();
  readonly #listeners = new Set<() => void>();
  #port: LinkOutPort<ChunkPart>;
  #unhear: () => void;
  #isAttached = false;
  #switching: Switching | undefined;
  /** Cameras whose first frame at a new consumer is still to come. */
  readonly #awaited = new Set<CameraId>();
  /** Set while cameras go over. */
  #handover: Handover | undefined;

  constructor(options: SwitchedPortOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#unhear = options.port.onAttach(() => this.#attached());
  }

  push(items: readonly Envelope<ChunkPart>[], signal: AbortSignal): Promise<void> {
    if (this.#handover) return Promise.all(items.map(item => this.#handOn(item, signal))).then(() => {});
    const pushed = this.#port.push(items, signal);
    for (const item of items) this.#note(item, pushed);
    return pushed;
  }

  #handOn(item: Envelope<ChunkPart>, signal: AbortSignal): Promise<void> {
    const { key } = item;
    const pushed = this.#handover?.push(item, this.#tracks.get(key), signal) ?? this.#port.push([item], signal);
    this.#note(item, pushed);
    return pushed;
  }

  async room(signal: AbortSignal): Promise<void> {
    await this.#port.room(signal);
    if (this.#handover?.hasMovedAny === true) await this.#handover.to.room(signal);
  }

  onAttach(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#isAttached) listener();
    return () => { this.#listeners.delete(listener); };
  }

  discard(): void {
    this.#port.discard();
    this.#switching?.to.discard();
  }

  depth(): { readonly items: number; readonly bytes: number } {
    const [one, other] = [this.#port.depth(), this.#switching?.to.depth() ?? { items: 0, bytes: 0 }];
    return { items: one.items + other.items, bytes: one.bytes + other.bytes };
  }

  /** A camera goes elsewhere: nothing of it comes this way any more. */
  leave(camera: CameraId): void {
    for (const key of [camera, backfillLane(camera)]) {
      this.#tracks.delete(key);
      this.#awaited.delete(key);
      this.#handover?.leave(key);
    }
  }

  close(): void {
    this.settle(false);
    this.#unhear();
    this.#port.close();
  }

  /**
   * Lets every camera go over to another consumer. Resolves when the one before has ended all that it was given; `settle` must follow, with success or
   * without it. Rejects when `settle` came first, or the successor was lost.
   */
  async switchTo(to: LinkOutPort<ChunkPart>): Promise<void> {
    this.settle(false);
    const over = new AbortController();
    const there = deferred<void>();
    const switching: Switching = { to, over, unhear: () => {} };
    this.#switching = switching;
    over.signal.addEventListener('abort', () => there.reject(over.signal.reason), { once: true });
    let isThere = false;
    switching.unhear = to.onAttach(() => {
      if (isThere) this.#fire(); // it lost what it was given, and begins anew
      isThere = true;
      there.resolve();
    });
    await there.promise;
    const { gopOf, clock } = this.#options;
    this.#awaited.clear();
    this.#handover = new Handover({ from: this.#port, to, tracks: this.#tracks, gopOf, clock, signal: over.signal, onMove: camera => this.#awaited.add(camera) });
    await this.#handover.run();
  }

  /** Ends a switch: for good, with the successor as the one consumer, or as if it had never begun. The port that is not kept is the caller's to close. */
  settle(isDone: boolean): void {
    const [switching, handover] = [this.#switching, this.#handover];
    if (!switching) return;
    this.#switching = undefined;
    this.#handover = undefined;
    switching.unhear();
    const isOver = handover?.isOver ?? false;
    switching.over.abort(new Error('the switch is over'));
    if (isDone) {
      this.#unhear();
      this.#port.discard(); // nothing, unless it did not end what it had
      this.#port = switching.to;
      let isFirst = true; // it is known to be there
      this.#unhear = switching.to.onAttach(() => { if (!isFirst || !isOver) this.#attached(); });
      isFirst = false;
      return;
    }
    if (handover?.hasMovedAny === true) this.#fire();
    switching.to.discard();
  }

  #note({ body: part, key }: Envelope<ChunkPart>, pushed: Promise<void>): void {
    if (this.#awaited.size > 0 && !part.isAccounted && part.units.length > 0 && this.#awaited.delete(key)) this.#measure(pushed);
    const track = this.#tracks.get(key);
    if (part.isEpochEnd) this.#tracks.delete(key);
    else if (track) track.note(part);
    else this.#tracks.set(key, new FedTrack(part, key));
  }

  #measure(pushed: Promise<void>): void {
    const { clock, onPause } = this.#options;
    const sinceMs = clock.monotonicMs();
    pushed.then(() => onPause((clock.monotonicMs() - sinceMs) / 1000), () => { /* given back: it is fed again */ });
  }

  #attached(): void {
    this.#isAttached = true;
    this.#fire();
  }

  #fire(): void { for (const listener of this.#listeners) listener(); }
}

interface Switching { readonly to: LinkOutPort<ChunkPart>; readonly over: AbortController; unhear: () => void }
