import { AbortGroup, Wait } from '../engine/abort-group.ts';
import { deliveryOf } from '../engine/delivery.ts';
import { PlatformError } from '../engine/errors.ts';
import type { Delivery, Envelope, InPort, OutPort } from '../engine/ports.ts';

/** Bounds of a memory port. */
export interface MemoryPortOptions<Body> {
  /** Unacknowledged items. A push enters whole as soon as the port is below both bounds, so one push may exceed them. */
  readonly maxItems: number;
  /** Unacknowledged bytes, as `sizeOf` counts them. */
  readonly maxBytes: number;
  /** Items not yet pulled; 0: a push enters only while a pull waits for it (a rendezvous). @default unbounded by this */
  readonly maxWaiting?: number;
  sizeOf(body: Body): number;
}

/** A link inside one process: items pass by reference, nothing is copied. */
export interface MemoryPort<Body> {
  /** Pulls give `undefined` once all is handed out; a later nack makes its items available to pull again. */
  readonly input: InPort<Body>;
  /** A push whose signal aborts after its items entered rejects, but the items stay and are delivered. */
  readonly output: OutPort<Body>;
  /** No more pushes: those that wait still enter, later ones reject with PORT_CLOSED. Idempotent. */
  end(): void;
  /** Items and bytes not yet acknowledged, for gauges. */
  depth(): { readonly items: number; readonly bytes: number };
}

/** Makes a link inside one process: bounded, acknowledged, by reference. */
export function createMemoryPort<Body>(options: MemoryPortOptions<Body>): MemoryPort<Body> {
  return new Memory(options);
}

/** Compact the queue's array once this many taken places lead it. */
const COMPACT_AT = 1024;

interface Item<Body> { readonly order: number; readonly envelope: Envelope<Body>; readonly sizeBytes: number; readonly push: Push<Body> }

/** A push until its last item is acknowledged. */
class Push<Body> extends Wait<void> {
  readonly items: readonly Envelope<Body>[];
  left: number;

  constructor(items: readonly Envelope<Body>[], group: AbortGroup, signal: AbortSignal, onAbort: (push: Wait<void>) => void) {
    super(group, signal, onAbort);
    this.items = items;
    this.left = items.length;
  }
}

/** A pull that waits for items. */
class Pull<Body> extends Wait<Delivery<Body> | undefined> {
  readonly max: number;

  constructor(max: number, group: AbortGroup, signal: AbortSignal, onAbort: (pull: Wait<Delivery<Body> | undefined>) => void) {
    super(group, signal, onAbort);
    this.max = max;
  }
}

class Memory<Body> implements MemoryPort<Body>, InPort<Body>, OutPort<Body> {
  readonly input: InPort<Body> = this;
  readonly output: OutPort<Body> = this;
  readonly #options: MemoryPortOptions<Body>;
  readonly #aborts = new AbortGroup();
  /** Items to hand out, by order; those before `#head` are taken. */
  #queue: Item<Body>[] = [];
  #head = 0;
  #nextOrder = 0;
  #items = 0;
  #bytes = 0;
  #hasEnded = false;
  #pulls: Pull<Body>[] = [];
  #waitingPushes: Push<Body>[] = [];
  #rooms: Wait<void>[] = [];

  constructor(options: MemoryPortOptions<Body>) {
    this.#options = options;
  }

  depth(): { readonly items: number; readonly bytes: number } {
    return { items: this.#items, bytes: this.#bytes };
  }

  end(): void {
    this.#hasEnded = true;
    for (const room of this.#rooms.splice(0)) room.reject(closed());
    this.#serve();
  }

  push(items: readonly Envelope<Body>[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#hasEnded) return Promise.reject(closed());
    if (items.length === 0) return Promise.resolve();
    const push = new Push(items, this.#aborts, signal, gone => { this.#waitingPushes = this.#waitingPushes.filter(each => each !== gone); });
    if (this.#waitingPushes.length > 0 || this.#isFull()) this.#waitingPushes.push(push);
    else this.#enter(push);
    this.#serve();
    return push.promise;
  }

  room(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#hasEnded) return Promise.reject(closed());
    if (this.#waitingPushes.length === 0 && !this.#isFull()) return Promise.resolve();
    const room = new Wait<void>(this.#aborts, signal, gone => { this.#rooms = this.#rooms.filter(each => each !== gone); });
    this.#rooms.push(room);
    return room.promise;
  }

  pull(max: number, signal: AbortSignal): Promise<Delivery<Body> | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#head < this.#queue.length) {
      const delivery = Promise.resolve(this.#take(max));
      this.#admit();
      return delivery;
    }
    if (this.#isDrained()) return Promise.resolve(undefined);
    const pull = new Pull<Body>(max, this.#aborts, signal, gone => { this.#pulls = this.#pulls.filter(each => each !== gone); });
    this.#pulls.push(pull);
    this.#admit();
    return pull.promise;
  }

  #isFull(): boolean {
    const { maxItems, maxBytes, maxWaiting } = this.#options;
    if (this.#items >= maxItems || this.#bytes >= maxBytes) return true;
    return maxWaiting !== undefined && this.#queue.length - this.#head >= maxWaiting + this.#pulls.length;
  }

  #isDrained(): boolean {
    return this.#hasEnded && this.#head >= this.#queue.length && this.#waitingPushes.length === 0;
  }

  #enter(push: Push<Body>): void {
    for (const envelope of push.items) {
      const sizeBytes = this.#options.sizeOf(envelope.body);
      this.#queue.push({ order: this.#nextOrder++, envelope, sizeBytes, push });
      this.#items += 1;
      this.#bytes += sizeBytes;
    }
  }

  /** Hands items to the pulls that wait, or tells them the end. */
  #serve(): void {
    while (this.#pulls.length > 0 && this.#head < this.#queue.length) {
      const pull = this.#pulls.shift();
      pull?.resolve(this.#take(pull.max)); // answered before anything newer may enter and be handed to the next pull
      if (this.#waitingPushes.length > 0 || this.#rooms.length > 0) this.#admit();
    }
    if (this.#isDrained()) for (const pull of this.#pulls.splice(0)) pull.resolve(undefined);
  }

  #take(max: number): Delivery<Body> {
    const end = Math.min(this.#queue.length, this.#head + Math.max(1, max));
    const taken = this.#queue.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#queue.length) { this.#queue = []; this.#head = 0; }
    else if (this.#head >= COMPACT_AT) { this.#queue = this.#queue.slice(this.#head); this.#head = 0; }
    return deliveryOf(taken.map(item => item.envelope), () => this.#acknowledge(taken), () => this.#putBack(taken));
  }

  #acknowledge(taken: readonly Item<Body>[]): void {
    for (const { push, sizeBytes } of taken) {
      this.#items -= 1;
      this.#bytes -= sizeBytes;
      push.left -= 1;
      if (push.left === 0) push.resolve();
    }
    this.#admit();
  }

  /** Lets in what waits for room, and says that there is room. */
  #admit(): void {
    while (this.#waitingPushes.length > 0 && !this.#isFull()) {
      const push = this.#waitingPushes.shift();
      if (push !== undefined) this.#enter(push);
    }
    if (this.#rooms.length > 0 && this.#waitingPushes.length === 0 && !this.#isFull()) for (const room of this.#rooms.splice(0)) room.resolve();
    this.#serve();
  }

  #putBack(taken: readonly Item<Body>[]): void {
    this.#queue = [...taken, ...this.#queue.slice(this.#head)].toSorted((one, other) => one.order - other.order);
    this.#head = 0;
    this.#serve();
  }
}

function closed(): PlatformError {
  return new PlatformError('PORT_CLOSED', 'the port has ended');
}
