import type { ActorContext } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { decodeRecord } from '../../src/data-ops/decode-record.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { KafkaNode, PartitionReader, RecordCodec } from '../../src/transports/kafka-types.ts';

/** What the watch needs. */
export interface EpochWatchOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader'>;
  /** Name of the events topic. */
  readonly topic: string;
  readonly codec: Pick<RecordCodec<PlatformEvent>, 'decode' | 'learn'>;
  /** Name of this node. */
  readonly self: string;
  readonly clock: Clock;
  /** The newest events of a partition were read, or waited for long enough. */
  readonly onReady: () => void;
  /** Another node handed over frames of an epoch that was not known. */
  readonly onEpoch: (camera: CameraId, epoch: number) => void;
}

/** How far back a partition is read: with an event a second and camera, the epochs that cameras have now. Of one that is silent for longer the clock says enough. */
const TAIL = 4_096;
const FETCH_BYTES = 1 << 20;
/** A camera is not kept waiting for its past for longer. */
const READY_MS = 2_000;
const RETRY_MS = 500;

/**
 * The newest epoch of each camera in the partitions of this node, as all nodes told it. A node begins its sessions behind it, and begins a new
 * one when another node, whose clock is ahead or which was cut off, had a newer one: consumers refuse frames of older epochs.
 */
export class EpochWatch {
  readonly #options: EpochWatchOptions;
  readonly #epochs = new Map<CameraId, number>();
  /** Owned partitions: what must be read before it is ready; undefined: not asked for yet. */
  readonly #owned = new Map<number, { target: number | undefined; isReady: boolean }>();
  #reader: PartitionReader | undefined;
  #wake: () => void = () => {};

  constructor(options: EpochWatchOptions) {
    this.#options = options;
  }

  /** 0: none is known. */
  epochOf(camera: CameraId): number { return this.#epochs.get(camera) ?? 0; }

  isReady(partition: number): boolean { return this.#owned.get(partition)?.isReady ?? false; }

  /** These partitions are this node's, and no others. */
  own(partitions: ReadonlySet<number>): void {
    for (const partition of this.#owned.keys()) {
      if (partitions.has(partition)) continue;
      this.#owned.delete(partition);
      this.#reader?.drop(partition);
    }
    for (const partition of partitions) {
      if (this.#owned.has(partition)) continue;
      const owned = { target: undefined, isReady: false };
      this.#owned.set(partition, owned);
      void this.#options.clock.sleep(READY_MS).then(() => this.#ready(owned));
    }
    this.#wake();
  }

  /** Reads until the signal aborts. Run once at a time. */
  async run(ctx: Pick<ActorContext, 'signal'>): Promise<void> {
    const { node, topic } = this.#options;
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: FETCH_BYTES });
    this.#reader = reader;
    for (const owned of this.#owned.values()) owned.target = undefined;
    const stop = new AbortController();
    const signal = AbortSignal.any([ctx.signal, stop.signal]);
    const seeking = this.#seekOwned(reader, signal);
    try {
      await Promise.race([seeking, this.#read(reader, signal)]);
    } finally {
      stop.abort();
      this.#reader = undefined;
      await reader.close();
      await seeking.catch(() => { /* told by the race, or stopped */ });
    }
  }

  async #seekOwned(reader: PartitionReader, signal: AbortSignal): Promise<void> {
    const { node, topic, clock } = this.#options;
    while (!signal.aborted) {
      const fresh = [...this.#owned].filter(([, { target }]) => target === undefined);
      if (fresh.length === 0) {
        await this.#changed(signal);
        continue;
      }
      try {
        const bounds = await node.bounds(topic);
        for (const [partition, owned] of fresh) {
          const { begin, end } = bounds.get(partition) ?? { begin: 0, end: 0 };
          owned.target = end;
          if (this.#owned.get(partition) !== owned) continue; // gone meanwhile
          reader.seek(partition, Math.max(begin, end - TAIL));
          if (begin >= end) this.#ready(owned);
        }
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'KAFKA_UNAVAILABLE') throw error;
        await clock.sleep(RETRY_MS, signal).catch(() => { /* the loop ends */ });
      }
    }
  }

  async #read(reader: PartitionReader, signal: AbortSignal): Promise<void> {
    for (;;) {
      for (const { partition, records, nextOffset } of await reader.read(signal)) {
        for (const { value } of records) if (value !== null) await this.#take(value);
        const owned = this.#owned.get(partition);
        if (owned?.target !== undefined && nextOffset >= owned.target) this.#ready(owned);
      }
    }
  }

  async #take(value: Buffer): Promise<void> {
    const event = await decodeRecord(this.#options.codec, value).catch(() => undefined); // others report what cannot be read
    if (event?.type !== 'received' || event.epoch <= this.epochOf(event.camera)) return;
    this.#epochs.set(event.camera, event.epoch);
    if (event.node !== this.#options.self) this.#options.onEpoch(event.camera, event.epoch);
  }

  #ready(owned: { isReady: boolean }): void {
    if (owned.isReady) return;
    owned.isReady = true;
    this.#options.onReady();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
