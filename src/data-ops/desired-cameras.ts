import type { ActorContext } from '../engine/actor.ts';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { isCameraId, type CameraId, type EpochMicros } from '../engine/units.ts';
import type { DesiredCamera } from '../messages/desired-camera.ts';
import type { Fetched, KafkaNode, KafkaRecord, RecordCodec, Written } from '../transports/kafka-types.ts';
import { isSameRow } from './camera-row.ts';
import { decodeRecord } from './decode-record.ts';
import type { CameraRow } from './store.ts';
import { untilThere } from './until-there.ts';

/** A camera that is wanted, with the partition its key belongs to, and since when it is, where that is known. */
export interface DesiredEntry { readonly row: CameraRow; readonly partition: number; readonly at?: EpochMicros }

/** A camera is wanted (also: wanted otherwise than before), or no longer. */
export type CameraChange =
  | { readonly type: 'put'; readonly row: CameraRow; readonly partition: number }
  | { readonly type: 'remove'; readonly id: CameraId; readonly partition: number };

/** What the table of wanted cameras needs. */
export interface DesiredCamerasOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader'>;
  /** Name of the compacted topic. */
  readonly topic: string;
  readonly codec: Pick<RecordCodec<DesiredCamera>, 'decode' | 'learn'>;
  readonly clock: Clock;
  /** Told of every change, in the order of its partition. */
  readonly onChange?: (change: CameraChange) => void;
  /** Told of records that cannot be read; they change nothing. */
  readonly onInvalid?: (record: KafkaRecord, error: unknown) => void;
}

/** The list is small; this bounds a fetch of many edits of it. */
const FETCH_BYTES = 1 << 20;
const RETRY_MS = 500;
const REFUSED_RETRY_MS = 10_000;

/** The cameras that are wanted in the cluster, as the compacted topic says: read from its start, then followed. */
export class DesiredCameras {
  readonly #options: DesiredCamerasOptions;
  readonly #entries = new Map<CameraId, DesiredEntry>();
  /** Next offset of each partition, and what must be read before the list is whole. */
  readonly #read = new Map<number, number>();
  readonly #targets = new Map<number, number>();
  /** Known from an earlier run, not read in this one yet. */
  #unseen = new Set<CameraId>();
  #wakes: (() => void)[] = [];
  #isKnown = false;

  constructor(options: DesiredCamerasOptions) {
    this.#options = options;
  }

  /** The list was read to its end once: what is not in it is not wanted. */
  get isKnown(): boolean { return this.#isKnown; }

  get(id: CameraId): CameraRow | undefined { return this.#entries.get(id)?.row; }

  rows(): readonly CameraRow[] { return [...this.#entries.values()].map(({ row }) => row); }

  /** When the camera was last asked for. */
  wantedAt(id: CameraId): EpochMicros | undefined { return this.#entries.get(id)?.at; }

  entries(): readonly DesiredEntry[] { return [...this.#entries.values()]; }

  /** Reads until the signal aborts; waits where brokers or topic are not there. Run once at a time; a second run begins anew. */
  async run(ctx: Pick<ActorContext, 'signal' | 'status'>): Promise<void> {
    for (;;) {
      try {
        await this.#follow(ctx);
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'KAFKA_REFUSED') throw error;
        ctx.status(error.message); // somebody may allow it yet
        await this.#options.clock.sleep(REFUSED_RETRY_MS, ctx.signal);
      }
    }
  }

  async #follow(ctx: Pick<ActorContext, 'signal' | 'status'>): Promise<never> {
    const { node, topic } = this.#options;
    const bounds = await untilThere(this.#options, ctx);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: FETCH_BYTES });
    try {
      this.#targets.clear();
      for (const [partition, { begin, end }] of bounds) {
        if (begin < end) this.#targets.set(partition, end);
        this.#read.set(partition, begin);
        reader.seek(partition, 'earliest');
      }
      // A camera that was removed while nobody read may be in no record any more.
      this.#unseen = new Set(this.#entries.keys());
      this.#settle();
      for (;;) {
        for (const part of await reader.read(ctx.signal)) await this.#take(part, ctx.signal);
        this.#settle();
        ctx.status(this.#isKnown ? `${this.#entries.size} cameras` : 'reading the list of cameras');
      }
    } finally {
      await reader.close();
    }
  }

  /** Resolves when the list is known; rejects with the signal's reason. */
  async untilKnown(signal: AbortSignal): Promise<void> {
    while (!this.#isKnown) await this.#next(signal);
  }

  /** Resolves when a record that was written is in the list; rejects with the signal's reason. */
  async untilRead({ partition, offset }: Written, signal: AbortSignal): Promise<void> {
    while ((this.#read.get(partition) ?? 0) <= offset) await this.#next(signal);
  }

  async #take({ partition, records, nextOffset }: Fetched, signal: AbortSignal): Promise<void> {
    for (const record of records) {
      try {
        await this.#changePatiently(record, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.onInvalid?.(record, error);
      }
    }
    this.#read.set(partition, nextOffset);
    if (nextOffset >= (this.#targets.get(partition) ?? 0)) this.#targets.delete(partition);
  }

  /** A registry that is away is waited for: a camera that is left out now would stay out. */
  async #changePatiently(record: KafkaRecord, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#change(record);
        return;
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'REGISTRY_UNAVAILABLE') throw error;
        await this.#options.clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async #change({ key, value, partition }: KafkaRecord): Promise<void> {
    if (key === null || !isCameraId(key)) throw new PlatformError('RECORD_INVALID', `key '${key ?? ''}' names no camera`);
    this.#unseen.delete(key);
    if (value === null) {
      this.#remove(key, partition);
      return;
    }
    const { at, ...body } = await decodeRecord(this.#options.codec, value);
    const known = this.#entries.get(key)?.row;
    const wanted: CameraRow = { ...body, id: key };
    const isSame = known !== undefined && isSameRow(known, wanted);
    const row = isSame ? known : wanted; // who holds the row can tell that it is the same camera
    this.#entries.set(key, { row, partition, ...(at === undefined ? {} : { at }) });
    if (!isSame) this.#options.onChange?.({ type: 'put', row, partition });
  }

  #remove(id: CameraId, partition: number): void {
    if (this.#entries.delete(id)) this.#options.onChange?.({ type: 'remove', id, partition });
  }

  #settle(): void {
    if (this.#targets.size === 0) {
      for (const id of this.#unseen) this.#remove(id, this.#entries.get(id)?.partition ?? 0);
      this.#unseen.clear();
      this.#isKnown = true;
    }
    this.#wake();
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }

  #next(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const left = (): void => reject(signal.reason as Error); // reasons are errors everywhere
      signal.addEventListener('abort', left, { once: true });
      this.#wakes.push(() => { signal.removeEventListener('abort', left); resolve(); });
    });
  }
}
