import { PlatformError } from '../../src/engine/errors.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';

/** A unit as it arrived, with its place. */
export interface TappedUnit {
  readonly epoch: number;
  readonly frameSeq: number;
  readonly parameters: StreamParameters;
  readonly unit: SourceUnit;
  /** Units before it were left out for this watcher. */
  readonly isAfterGap: boolean;
}

/** Something that happened between units. */
export interface TappedGap { readonly reason: 'slow' | 'session'; readonly units: number }

/** Where a camera stands. */
export interface TapPosition { readonly epoch: number; readonly nextFrameSeq: number }

/** Bounds of what waits for a watcher that does not take it. */
export interface WatcherBounds { readonly maxUnits: number; readonly maxBytes: number }

/**
 * The units of one camera as they arrive, for whoever watches. Lives as long as the camera, over its sessions. While nobody watches it holds
 * no unit and does nothing but count; it never waits for a watcher.
 */
export class LiveTap {
  readonly #watchers = new Set<LiveWatcher>();
  #epoch: number | undefined;
  #nextFrameSeq = 0;
  #parameters: StreamParameters | undefined;

  /** Where the live session stands; undefined while there is none, or nothing came yet. */
  get position(): TapPosition | undefined {
    return this.#epoch === undefined || this.#nextFrameSeq === 0 ? undefined : { epoch: this.#epoch, nextFrameSeq: this.#nextFrameSeq };
  }

  /** A session begins: its units are numbered as the chunker does. */
  begin(epoch: number): void {
    this.#epoch = epoch;
    this.#nextFrameSeq = 0;
    this.#parameters = undefined;
  }

  take(unit: SourceUnit): void {
    const frameSeq = this.#nextFrameSeq++;
    this.#parameters = unit.parameters ?? this.#parameters;
    if (this.#watchers.size === 0 || this.#epoch === undefined || this.#parameters === undefined) return;
    for (const watcher of this.#watchers) watcher.offer({ epoch: this.#epoch, frameSeq, parameters: this.#parameters, unit, isAfterGap: false });
  }

  /** The session is over. */
  end(): void {
    this.#epoch = undefined;
    for (const watcher of this.#watchers) watcher.sessionEnded();
  }

  /** The camera is gone from here: watchers end. */
  close(): void {
    for (const watcher of this.#watchers) watcher.fail(new PlatformError('PORT_CLOSED', 'the camera is not run here any more'));
  }

  /** Begins to watch: from the next unit on. */
  watch(bounds: WatcherBounds): LiveWatcher {
    const watcher = new LiveWatcher(bounds, () => this.#watchers.delete(watcher));
    this.#watchers.add(watcher);
    return watcher;
  }
}

/** What waits for one watcher: bounded; one that is too slow goes on at a key frame. */
export class LiveWatcher {
  readonly #bounds: WatcherBounds;
  readonly #onClose: () => void;
  #waiting: (TappedUnit | TappedGap)[] = [];
  #bytes = 0;
  #units = 0;
  /** Units that were left out since the last one that was taken in; undefined while none is. */
  #missed: number | undefined;
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(bounds: WatcherBounds, onClose: () => void) {
    this.#bounds = bounds;
    this.#onClose = onClose;
  }

  offer(tapped: TappedUnit): void {
    const { data, isKey } = tapped.unit;
    if (this.#missed !== undefined && (!isKey || !this.#hasRoom(data.byteLength, 2))) { this.#missed += 1; return; }
    if (!this.#hasRoom(data.byteLength, 1)) { this.#missed = 1; return; }
    if (this.#missed !== undefined) this.#waiting.push({ reason: 'slow', units: this.#missed });
    this.#waiting.push(this.#missed === undefined ? tapped : { ...tapped, isAfterGap: true });
    this.#missed = undefined;
    this.#bytes += data.byteLength;
    this.#units += 1;
    this.#wake();
  }

  sessionEnded(): void {
    this.#missed = undefined;
    if (this.#waiting.length < this.#bounds.maxUnits) this.#waiting.push({ reason: 'session', units: 0 });
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** What came next. @throws the signal's reason; what the watch failed with, after everything before it */
  async next(signal: AbortSignal): Promise<TappedUnit | TappedGap> {
    for (;;) {
      signal.throwIfAborted();
      const next = this.#waiting.shift();
      if (next !== undefined) {
        if ('unit' in next) { this.#bytes -= next.unit.data.byteLength; this.#units -= 1; }
        return next;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>(resolve => {
        const woken = (): void => { signal.removeEventListener('abort', woken); resolve(); };
        this.#wake = woken;
        signal.addEventListener('abort', woken, { once: true });
      });
    }
  }

  /** Idempotent. */
  close(): void {
    this.#waiting = [];
    this.#onClose();
  }

  /** Whether there is room for so many bytes in `1 / share` of the bounds. */
  #hasRoom(bytes: number, share: number): boolean {
    return this.#units < this.#bounds.maxUnits / share && (this.#bytes === 0 || this.#bytes + bytes <= this.#bounds.maxBytes / share);
  }
}
