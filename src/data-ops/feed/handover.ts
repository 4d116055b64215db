import type { Clock } from '../../engine/clock.ts';
import { Limiter } from '../../engine/limiter.ts';
import type { Envelope } from '../../engine/ports.ts';
import { deferred } from '../../engine/timers.ts';
import type { CameraId } from '../../engine/units.ts';
import { isClosedGopStart } from '../../media/nal.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import type { LinkOutPort } from '../../transports/ipc-types.ts';
import type { FedTrack } from './fed-track.ts';
import { firstSeq } from './live-window.ts';

/** Frames a decoder needs before it can go on at another. */
export interface GopWanted {
  readonly camera: CameraId;
  readonly epoch: number;
  /** The frame that is to be decoded next. */
  readonly before: number;
  readonly signal: AbortSignal;
}

/** Gives them: one a part, in order, from a key frame on (of open GOPs the one before it) to `before`, or further. Nothing when they cannot be had. */
export type GopReader = (wanted: GopWanted) => AsyncIterable<ChunkPart>;

/** What a handover works with. */
export interface HandoverOptions {
  readonly from: LinkOutPort<ChunkPart>;
  readonly to: LinkOutPort<ChunkPart>;
  /** How far each camera was fed, and by itself what is back-filled of it; a camera without a track needs nothing. */
  readonly tracks: ReadonlyMap<CameraId, FedTrack>;
  readonly gopOf: GopReader;
  readonly clock: Clock;
  /** Aborts when the handover is over. */
  readonly signal: AbortSignal;
  /** The camera has gone over. */
  readonly onMove: (camera: CameraId) => void;
}

/** Cameras whose GOP is read and decoded at the same time: more would only share the new consumer's core, and keep each other from being done. */
const CATCH_UPS_MAX = 2;
/** References that the new consumer has not decoded, at which it counts as caught up. */
const BEHIND_MAX = 1;
/** A new consumer that is this far behind is left alone until the camera's next key frame. */
const BEHIND_LIMIT = 2_048;
/** What was fed just now may not be on disk yet. */
const READ_AGAIN_MS = 40;
const READ_TRIES = 25;
const DRAINED_EVERY_MS = 5;
/** A consumer that has ended nothing for so long is not waited for: its successor is given what is left. */
const DRAIN_STILL_MS = 10_000;

/** References of a camera that its new consumer was given and has not decoded. */
interface Following { readonly feed: number; readonly epoch: number; reached: number; underWay: number; isWhole: boolean }

/**
 * The cameras of one consumer go over to another, each at a frame where that one's decoder can go on: a key frame, the start of a feed, or any frame
 * once it has decoded the current GOP for reference, which it does while the consumer before still serves. No frame goes to both but for reference.
 */
export class Handover {
  readonly #options: HandoverOptions;
  readonly #left: Set<CameraId>;
  readonly #following = new Map<CameraId, Following>();
  readonly #allMoved = deferred<void>();
  #hasMovedAny = false;

  constructor(options: HandoverOptions) {
    this.#options = options;
    this.#left = new Set(options.tracks.keys());
    if (this.#left.size === 0) this.#allMoved.resolve();
  }

  get to(): LinkOutPort<ChunkPart> { return this.#options.to; }
  /** Some camera has gone over. */
  get hasMovedAny(): boolean { return this.#hasMovedAny; }
  /** Every camera has gone over, and the consumer before has ended all that it was given. */
  get isOver(): boolean { return this.#left.size === 0 && this.#options.from.depth().items === 0; }

  /** Resolves when it is over, or all that is left is what the consumer before does not end; rejects with the signal's reason. */
  async run(): Promise<void> {
    const { clock, signal, from } = this.#options;
    const turns = new Limiter(CATCH_UPS_MAX);
    for (const camera of this.#left) turns.run(() => this.#catchUp(camera)).catch(() => { /* the camera goes over at its next key frame */ });
    const aborted = deferred<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await Promise.race([this.#allMoved.promise, aborted.promise]);
      for (let left = from.depth().items, sinceMs = clock.monotonicMs(); left > 0 && clock.monotonicMs() - sinceMs < DRAIN_STILL_MS;) {
        await clock.sleep(DRAINED_EVERY_MS, signal);
        const { items } = from.depth();
        if (items !== left) sinceMs = clock.monotonicMs();
        left = items;
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Hands a part on to whoever has its camera. `track`: how far the camera was fed before. */
  push(item: Envelope<ChunkPart>, track: FedTrack | undefined, signal: AbortSignal): Promise<void> {
    const { body: part, key: camera } = item;
    const { from, to } = this.#options;
    if (this.#left.has(camera) && canStartAt(part, track)) this.#move(camera);
    if (this.#left.has(camera)) {
      const pushed = from.push([item], signal);
      const following = this.#following.get(camera);
      if (following?.isWhole === true && !part.isEpochEnd) this.#refer(item, following);
      if (part.isEpochEnd) this.#move(camera); // it holds nothing of the camera any more
      return pushed;
    }
    return to.push([item], signal);
  }

  /** Nothing more comes of the camera: nobody waits for it. */
  leave(camera: CameraId): void {
    this.#left.delete(camera);
    this.#following.delete(camera);
    if (this.#left.size === 0) this.#allMoved.resolve();
  }

  /** From here on the camera is the new consumer's; the one before gives out what it holds of it. */
  #move(camera: CameraId): void {
    const { from, tracks, signal, onMove } = this.#options;
    const end = tracks.get(camera)?.end();
    if (end) from.push([end], signal).catch(() => { /* it died: everything without a record is fed again */ });
    this.#hasMovedAny = true;
    this.#left.delete(camera);
    this.#following.delete(camera);
    onMove(camera);
    if (this.#left.size === 0) this.#allMoved.resolve();
  }

  /** Gives the new consumer a part for reference: its records are those of the consumer before. */
  #refer({ body, ...envelope }: Envelope<ChunkPart>, following: Following): void {
    const { to, signal } = this.#options;
    if (following.underWay >= BEHIND_LIMIT) {
      this.#following.delete(envelope.key);
      return;
    }
    following.underWay += 1;
    to.push([{ ...envelope, body: { ...body, isAccounted: true, isRecovered: true } }], signal).then(() => {
      following.underWay -= 1;
      this.#look(envelope.key, following);
    }, () => { /* it is gone, or the handover is over */ });
  }

  #look(camera: CameraId, following: Following): void {
    if (following.isWhole && following.underWay <= BEHIND_MAX && this.#following.get(camera) === following) this.#move(camera);
  }

  /** Reads the camera's current GOP to where it is fed, then lets the new consumer follow it frame by frame. */
  async #catchUp(camera: CameraId): Promise<void> {
    const { tracks, clock, signal } = this.#options;
    let following: Following | undefined;
    for (let tries = 0; tries < READ_TRIES && this.#left.has(camera) && !signal.aborted; tries += 1) {
      const track = tracks.get(camera);
      if (!track) return;
      if (following?.feed !== track.feed || following.epoch !== track.epoch) following = { feed: track.feed, epoch: track.epoch, reached: -1, underWay: 0, isWhole: false };
      this.#following.set(camera, following);
      if (await this.#readGop(track, following)) {
        following.isWhole = true;
        this.#look(camera, following);
        return;
      }
      await clock.sleep(READ_AGAIN_MS, signal);
    }
  }

  /** True when the new consumer has been given every frame up to the one that is fed next. */
  async #readGop(track: FedTrack, following: Following): Promise<boolean> {
    const { gopOf, to, signal } = this.#options;
    const { camera, key } = track;
    const isStill = (): boolean => this.#following.get(key) === following && track.feed === following.feed && track.epoch === following.epoch;
    for await (const part of gopOf({ camera, epoch: track.epoch, before: track.next, signal })) {
      const seq = firstSeq(part);
      if (!isStill() || seq >= track.next) break;
      if (seq <= following.reached) continue;
      if (following.reached >= 0 && seq !== following.reached + 1 && part.units[0]?.isKey !== true) break;
      this.#refer({ body: { ...part, feed: track.feed }, key, capturedAt: part.units[0]?.capturedAt ?? part.chunkStartedAt, trace: '' }, following);
      following.reached = seq;
      if (following.reached === track.next - 1) break;
      await to.room(signal);
    }
    return isStill() && following.reached === track.next - 1;
  }
}

/** A decoder that knows nothing of the camera can begin here: the first part of a feed or session does, and so does a key frame that closes what was before. */
function canStartAt(part: ChunkPart, track: FedTrack | undefined): boolean {
  const [unit] = part.units;
  if (!track || part.feed !== track.feed || part.epoch !== track.epoch) return true;
  if (unit?.isKey !== true) return false;
  return part.partSeq === 0 ? !part.isOpenGop : isClosedGopStart(part.parameters, unit);
}
