import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import type { Clock } from '../../engine/clock.ts';
import { deliveryOf } from '../../engine/delivery.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Delivery, Envelope, InPort } from '../../engine/ports.ts';
import { every } from '../../engine/timers.ts';
import { isCameraId } from '../../engine/units.ts';
import { envelopeOf } from '../../messages/cloud-event.ts';
import type { PortBounds } from '../ipc-types.ts';
import type { Assignment, Fetched, GroupMember, KafkaNode, KafkaRecord, PartitionReader, RecordCodec } from '../kafka-types.ts';
import { AcknowledgedOffsets } from './acknowledged-offsets.ts';
import { reasonOf, type KafkaLog } from './patience.ts';

/** How often offsets are committed. */
const COMMIT_MS = 200;
const RETRY_MS = 200;

/** Settings of an input port. */
export interface InputOptions extends PortBounds {
  readonly group: string;
  readonly sessionTimeoutMs: number;
  readonly onInvalid: (record: KafkaRecord, error: unknown) => Promise<void>;
}

/** What an input port needs of its node. */
export interface InputDeps extends Pick<KafkaNode, 'join' | 'reader' | 'committed'> {
  readonly clock: Clock;
  readonly log: KafkaLog;
}

/** An input port of a group. */
export type KafkaInPort<Body> = InPort<Body> & { close(): Promise<void> };

/** Makes an input port: at least once, the group's offset follows the lowest record that is not acknowledged. */
export function createInputPort<Body>(topic: string, codec: RecordCodec<Body>, options: InputOptions, deps: InputDeps): KafkaInPort<Body> {
  return new Input(topic, codec, options, deps);
}

/** A partition while it is ours. */
interface Owned { readonly offsets: AcknowledgedOffsets; committed: number }

interface Item<Body> { readonly envelope: Envelope<Body>; readonly order: number; readonly partition: number; readonly offset: number; readonly sizeBytes: number; readonly owned: Owned }

/** A pull that waits for items. */
class Pull<Body> extends Wait<Delivery<Body> | undefined> {
  readonly max: number;

  constructor(max: number, group: AbortGroup, signal: AbortSignal, onAbort: (pull: Wait<Delivery<Body> | undefined>) => void) {
    super(group, signal, onAbort);
    this.max = max;
  }
}

class Input<Body> implements InPort<Body> {
  readonly #topic: string;
  readonly #codec: RecordCodec<Body>;
  readonly #options: InputOptions;
  readonly #deps: InputDeps;
  readonly #aborts = new AbortGroup();
  readonly #ended = new AbortController();
  readonly #reader: PartitionReader;
  readonly #joining: Promise<GroupMember>;
  readonly #running: Promise<unknown>;
  readonly #owned = new Map<number, Owned>();
  /** Partitions of the last assignment. */
  #assigned = new Set<number>();
  #queue: Item<Body>[] = [];
  #pulls: Pull<Body>[] = [];
  #nextOrder = 0;
  /** Not yet acknowledged, and their bytes. */
  #items = 0;
  #bytes = 0;
  #onRoom: (() => void) | undefined;

  constructor(topic: string, codec: RecordCodec<Body>, options: InputOptions, deps: InputDeps) {
    this.#topic = topic;
    this.#codec = codec;
    this.#options = options;
    this.#deps = deps;
    this.#reader = deps.reader(topic, { isolation: 'committed', maxBytes: options.maxBytes });
    this.#joining = deps.join({ group: options.group, topics: [topic], sessionTimeoutMs: options.sessionTimeoutMs, onAssigned: assignment => this.#onAssigned(assignment) });
    this.#joining.catch(() => { /* told by the commits and by close */ });
    this.#running = Promise.all([this.#readAll(), every(COMMIT_MS, deps.clock, this.#ended.signal, () => this.#commit())]);
    this.#running.catch(error => this.#end(error));
  }

  async pull(max: number, signal: AbortSignal): Promise<Delivery<Body> | undefined> {
    signal.throwIfAborted();
    this.#ended.signal.throwIfAborted();
    if (this.#queue.length > 0) return this.#take(max);
    const pull = new Pull<Body>(max, this.#aborts, signal, gone => { this.#pulls = this.#pulls.filter(each => each !== gone); });
    this.#pulls.push(pull);
    return pull.promise;
  }

  /** Commits what is acknowledged and leaves the group. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#end(new PlatformError('PORT_CLOSED', `the input of '${this.#topic}' is closed`));
    await this.#running.catch(() => { /* it ended by our signal */ });
    await this.#reader.close();
    const member = await this.#joining.catch(() => undefined);
    await this.#commit();
    await member?.close();
  }

  #end(reason: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(reason);
    for (const pull of this.#pulls.splice(0)) pull.reject(reason);
    this.#onRoom?.();
  }

  #onAssigned({ partitions }: Assignment): void {
    const mine = new Set(partitions.get(this.#topic));
    for (const partition of this.#assigned) if (!mine.has(partition)) this.#lose(partition);
    const gained = [...mine].filter(partition => !this.#assigned.has(partition));
    this.#assigned = mine;
    if (gained.length > 0) void this.#gain(gained);
  }

  #lose(partition: number): void {
    this.#reader.drop(partition);
    const owned = this.#owned.get(partition);
    this.#owned.delete(partition);
    const left = this.#queue.filter(item => item.owned === owned);
    this.#queue = this.#queue.filter(item => item.owned !== owned);
    this.#release(left);
  }

  async #gain(partitions: readonly number[]): Promise<void> {
    for (;;) {
      try {
        const committed = await this.#deps.committed(this.#options.group, this.#topic);
        for (const partition of partitions) {
          if (this.#assigned.has(partition) && !this.#owned.has(partition)) this.#own(partition, committed.get(partition));
        }
        return;
      } catch {
        if (this.#ended.signal.aborted) return;
        await this.#deps.clock.sleep(RETRY_MS); // the brokers are away, which the node's state says
      }
    }
  }

  #own(partition: number, committed: number | undefined): void {
    this.#owned.set(partition, { offsets: new AcknowledgedOffsets(committed ?? 0), committed: committed ?? -1 });
    this.#reader.seek(partition, committed ?? 'earliest');
  }

  async #readAll(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      if (this.#items >= this.#options.maxItems || this.#bytes >= this.#options.maxBytes) {
        await new Promise<void>(resolve => { this.#onRoom = resolve; });
        continue;
      }
      for (const fetched of await this.#reader.read(signal)) await this.#accept(fetched);
      this.#serve();
    }
  }

  async #accept({ partition, records, nextOffset }: Fetched): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined) return;
    for (const record of records) owned.offsets.begin(record.offset);
    owned.offsets.advance(nextOffset);
    for (const record of records) {
      if (this.#owned.get(partition) !== owned) return; // lost while an invalid record was reported
      try {
        this.#enter(record, owned);
      } catch (error) {
        await this.#options.onInvalid(record, error);
        owned.offsets.done(record.offset);
      }
    }
  }

  #enter(record: KafkaRecord, owned: Owned): void {
    const { key, value, partition, offset } = record;
    if (key === null || !isCameraId(key) || value === null) {
      throw new PlatformError('RECORD_INVALID', `record ${offset} of ${this.#topic}/${partition} has ${value === null ? 'no value' : `the key '${String(key).slice(0, 80)}'`}`, { topic: this.#topic, partition, offset });
    }
    const envelope = envelopeOf(record, this.#codec.decode(value));
    this.#queue.push({ envelope, order: this.#nextOrder++, partition, offset, sizeBytes: value.length, owned });
    this.#items += 1;
    this.#bytes += value.length;
  }

  #serve(): void {
    while (this.#pulls.length > 0 && this.#queue.length > 0) {
      const pull = this.#pulls.shift();
      pull?.resolve(this.#take(pull.max));
    }
  }

  #take(max: number): Delivery<Body> {
    const taken = this.#queue.splice(0, Math.max(1, max));
    return deliveryOf(taken.map(item => item.envelope), () => {
      for (const { owned, offset } of taken) owned.offsets.done(offset);
      this.#release(taken);
    }, () => {
      // Where a partition was lost meanwhile, its new owner has the items.
      const kept = taken.filter(({ owned, partition }) => this.#owned.get(partition) === owned);
      this.#release(taken.filter(item => !kept.includes(item)));
      this.#queue = [...kept, ...this.#queue].toSorted((one, other) => one.order - other.order);
      this.#serve();
    });
  }

  #release(items: readonly Item<Body>[]): void {
    for (const { sizeBytes } of items) { this.#items -= 1; this.#bytes -= sizeBytes; }
    this.#onRoom?.();
    this.#onRoom = undefined;
  }

  async #commit(): Promise<void> {
    const due = [...this.#owned].filter(([, { offsets, committed }]) => offsets.position > Math.max(committed, 0) || (committed >= 0 && offsets.position > committed));
    if (due.length === 0) return;
    const positions = due.map(([partition, owned]) => ({ partition, owned, offset: owned.offsets.position }));
    try {
      await (await this.#joining).commit(positions.map(({ partition, offset }) => ({ topic: this.#topic, partition, offset })));
      for (const { owned, offset } of positions) owned.committed = offset;
    } catch (error) {
      this.#deps.log.warn({ group: this.#options.group, topic: this.#topic, reason: reasonOf(error) }, 'offsets not committed: tried again');
    }
  }
}
