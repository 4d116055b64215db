import type { Clock } from '../engine/clock.ts';
import type { Envelope, OutPort } from '../engine/ports.ts';
import { every } from '../engine/timers.ts';
import type { CameraId } from '../engine/units.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import type { RemoteStore } from './remote-store.ts';
import type { Balance } from './store.ts';

/** What an outbox works with. */
export interface EventOutboxOptions {
  readonly store: Pick<RemoteStore, 'eventsAfter' | 'logOffsets' | 'appendFrom' | 'balances'>;
  readonly output: OutPort<PlatformEvent>;
  /** Name of this node, in every event. */
  readonly node: string;
  readonly clock: Clock;
}

/** The outbox's own place among the offsets of the store. */
const CURSOR = { topic: 'outbox', partition: 0 } as const;
const EVENTS_EVERY_MS = 200;
const RECEIVED_EVERY_MS = 1_000;
const BATCH = 256;
/** Sessions of a camera whose counts are told again after a restart: what an earlier process told last may be older than what it handed over. */
const EPOCHS_AGAIN = 16;

/**
 * Brings the events of the local store, and how many frames of each session were handed over, to the cluster. Events go in order, each at
 * least once: the place is kept in the store after they are acknowledged, and a repeat has the same content, so the same `ce_id`.
 */
export class EventOutbox {
  readonly #options: EventOutboxOptions;
  /** Counts that were told, by camera and epoch. */
  readonly #told = new Map<string, number>();
  #hasTold = false;
  #after: number | undefined;

  constructor(options: EventOutboxOptions) {
    this.#options = options;
  }

  /** Sends until the signal aborts; waits as long as the output does. @throws what store and output fail with */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await Promise.all([every(EVENTS_EVERY_MS, clock, signal, () => this.#sendEvents(signal)), every(RECEIVED_EVERY_MS, clock, signal, () => this.#sendCounts(signal))]);
  }

  /** Sends what there is now: the last words of a node that stops. */
  async flush(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#sendEvents(signal), this.#sendCounts(signal)]);
  }

  async #sendEvents(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    this.#after ??= (await store.logOffsets()).find(({ topic }) => topic === CURSOR.topic)?.offset ?? 0;
    for (let found = await store.eventsAfter(this.#after, BATCH); found.length > 0 && !signal.aborted; found = await store.eventsAfter(this.#after, BATCH)) {
      const events = await this.#untilUnfinished(found, signal);
      if (events.length === 0) return;
      if (!await this.#push(events.map(({ event }) => event), signal)) return;
      this.#after = events.at(-1)?.id ?? this.#after;
      await store.appendFrom({ records: [], events: [], offsets: [{ ...CURSOR, offset: this.#after }] });
    }
  }

  /**
   * The events up to one that says that a camera has ended while frames of it are still to be handed over: whoever reads it may rely on having
   * been told of all frames before.
   */
  async #untilUnfinished<Found extends { readonly event: PlatformEvent }>(found: readonly Found[], signal: AbortSignal): Promise<readonly Found[]> {
    if (!found.some(({ event }) => isEnd(event))) return found;
    const balances = await this.#options.store.balances();
    const unfinished = found.findIndex(({ event }) => isEnd(event) && balances.some(({ camera, pending }) => 'camera' in event && camera === event.camera && pending > 0));
    const events = unfinished < 0 ? found : found.slice(0, unfinished);
    if (events.some(({ event }) => isEnd(event))) await this.#sendCounts(signal);
    return events;
  }

  async #sendCounts(signal: AbortSignal): Promise<void> {
    const { store, clock, node } = this.#options;
    const news = this.#news(await store.balances());
    this.#hasTold = true;
    if (news.length === 0) return;
    const events = news.map(({ camera, epoch, handedOver = 0 }): PlatformEvent => ({ type: 'received', camera, at: clock.now(), epoch, received: handedOver, node }));
    if (!await this.#push(events, signal)) return;
    for (const { camera, epoch, handedOver = 0 } of news) this.#told.set(`${camera}/${epoch}`, handedOver);
  }

  /** Counts that are not told yet. */
  #news(balances: readonly Balance[]): readonly Balance[] {
    const found: Balance[] = [];
    for (const [, ofCamera] of Map.groupBy(balances, ({ camera }) => camera)) {
      const newestFirst = ofCamera.toSorted((a, b) => b.epoch - a.epoch);
      for (const [index, balance] of newestFirst.entries()) {
        const { camera, epoch, handedOver = 0, pending } = balance;
        const key = `${camera}/${epoch}`;
        if (!this.#hasTold && index >= EPOCHS_AGAIN && pending === 0) this.#told.set(key, handedOver);
        if (handedOver > (this.#told.get(key) ?? 0)) found.push(balance);
      }
    }
    return found;
  }

  /** False when the signal aborted. */
  async #push(events: readonly PlatformEvent[], signal: AbortSignal): Promise<boolean> {
    const { output, node } = this.#options;
    try {
      await output.push(events.map((event): Envelope<PlatformEvent> => ({
        body: { ...event, node }, key: 'camera' in event ? event.camera : node as CameraId, capturedAt: event.at, trace: '', // events of processes are kept in order per node
      })), signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

function isEnd(event: PlatformEvent): boolean { return event.type === 'camera-state' && event.state === 'ended'; }
