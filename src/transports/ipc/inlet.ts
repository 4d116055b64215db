import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import { deliveryOf } from '../../engine/delivery.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Delivery, Envelope } from '../../engine/ports.ts';
import { epochMicros } from '../../engine/units.ts';
import { isLane } from '../../messages/lane.ts';
import type { Codec, LinkInPort, PortBounds } from '../ipc-types.ts';
import type { Connection } from './connection.ts';
import { FRAME, FRAME_HEAD, linkInvalid, numbersFrame, startFrame, type FieldReader } from './frames.ts';

/** Items up to this size are copied out of the read buffer: a view would keep the whole of it alive. */
const COPY_BELOW_BYTES = 4096;

/** One connection as a source of the topic. */
interface Feed {
  readonly connection: Connection;
  /** The other side has this topic. */
  isAttached: boolean;
  hasEnded: boolean;
  isGone: boolean;
  /** What the other side may still send. */
  creditItems: number;
  creditBytes: number;
  /** Taken out of the buffer, and not yet given back as credit. */
  takenItems: number;
  takenBytes: number;
  buffered: number;
  acknowledged: number[];
  readonly flush: () => void;
}

interface Item<Body> { readonly order: number; readonly feed: Feed; readonly seq: number; readonly envelope: Envelope<Body>; readonly sizeBytes: number }

/** A pull that waits for items. */
class Pull<Body> extends Wait<Delivery<Body> | undefined> {
  readonly max: number;

  constructor(max: number, group: AbortGroup, signal: AbortSignal, onAbort: (pull: Wait<Delivery<Body> | undefined>) => void) {
    super(group, signal, onAbort);
    this.max = max;
  }
}

/**
 * The receiving side of a topic: merges the items of all connections. `bounds` holds for each connection: it is the credit the other side gets,
 * given back as items are pulled. The input has ended when a connection said so and every other that has the topic has ended too. A nack puts items back here; what a lost connection sent and was not acknowledged comes again with the next one.
 */
export class Inlet<Body> implements LinkInPort<Body> {
  readonly port: number;
  readonly topic: string;
  readonly #codec: Codec<Body>;
  readonly #bounds: PortBounds;
  readonly #onClose: (inlet: Inlet<Body>) => void;
  readonly #aborts = new AbortGroup();
  readonly #feeds = new Map<Connection, Feed>();
  #queue: Item<Body>[] = [];
  #head = 0;
  #nextOrder = 0;
  #pulls: Pull<Body>[] = [];
  #hasSeenEnd = false;
  #isClosed = false;

  constructor(port: number, topic: string, options: { readonly codec: Codec<Body>; readonly bounds: PortBounds; onClose(inlet: Inlet<Body>): void }) {
    this.port = port;
    this.topic = topic;
    this.#codec = options.codec;
    this.#bounds = options.bounds;
    this.#onClose = inlet => options.onClose(inlet);
  }

  pull(max: number, signal: AbortSignal): Promise<Delivery<Body> | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed) return Promise.reject(this.#closed());
    if (this.#head < this.#queue.length) return Promise.resolve(this.#take(max));
    if (this.#hasEnded()) return Promise.resolve(undefined);
    const pull = new Pull<Body>(max, this.#aborts, signal, gone => { this.#pulls = this.#pulls.filter(each => each !== gone); });
    this.#pulls.push(pull);
    return pull.promise;
  }

  /** Takes the input away from its connections; what was not acknowledged goes to whoever else wants the topic. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const feed of this.#feeds.values()) {
      feed.flush();
      feed.isGone = true;
      feed.connection.send(numbersFrame(FRAME.unsubscribe, [this.port]));
    }
    this.#feeds.clear();
    this.#queue = [];
    this.#head = 0;
    for (const pull of this.#pulls.splice(0)) pull.reject(this.#closed());
    this.#onClose(this);
  }

  /** Asks a new connection for the topic. */
  connected(connection: Connection): void {
    const { maxItems, maxBytes } = this.#bounds;
    const feed: Feed = {
      connection, isAttached: false, hasEnded: false, isGone: false, creditItems: maxItems, creditBytes: maxBytes,
      takenItems: 0, takenBytes: 0, buffered: 0, acknowledged: [], flush: () => this.#flush(feed),
    };
    this.#feeds.set(connection, feed);
    connection.send(numbersFrame(FRAME.subscribe, [this.port, maxItems, maxBytes], Buffer.from(this.topic)));
  }

  disconnected(connection: Connection): void {
    const feed = this.#feeds.get(connection);
    if (feed === undefined) return;
    feed.isGone = true;
    this.#feeds.delete(connection);
    this.#queue = this.#queue.slice(this.#head).filter(item => item.feed !== feed);
    this.#head = 0;
    this.#serve();
  }

  attached(connection: Connection): void {
    const feed = this.#feeds.get(connection);
    if (feed === undefined) return;
    feed.isAttached = true;
    feed.hasEnded = false;
  }

  ended(connection: Connection): void {
    const feed = this.#feeds.get(connection);
    if (feed === undefined) return;
    if (!feed.isAttached) throw linkInvalid(`topic '${this.topic}' ended before it began`);
    feed.hasEnded = true;
    this.#hasSeenEnd = true;
    this.#serve();
  }

  /** Takes an item frame. @throws PlatformError LINK_INVALID when it does not follow the format or exceeds the credit */
  item(connection: Connection, fields: FieldReader): void {
    const feed = this.#feeds.get(connection);
    if (feed === undefined) return;
    const sizeBytes = fields.left() + FRAME_HEAD + 4;
    if (feed.creditItems <= 0 || feed.creditBytes <= 0) throw linkInvalid(`topic '${this.topic}' got more than its credit`);
    feed.creditItems -= 1;
    feed.creditBytes -= sizeBytes;
    const seq = fields.f64();
    if (!Number.isSafeInteger(seq) || seq < 0) throw linkInvalid(`topic '${this.topic}' got sequence number ${seq}`);
    const envelope = this.#decode(fields, sizeBytes);
    feed.buffered += 1;
    this.#queue.push({ order: this.#nextOrder++, feed, seq, envelope, sizeBytes });
    if (this.#pulls.length > 0) this.#serve();
  }

  #decode(fields: FieldReader, sizeBytes: number): Envelope<Body> {
    const capturedAt = epochMicros(fields.f64());
    const keyBytes = fields.u16();
    const traceBytes = fields.u16();
    const headBytes = fields.u32();
    const key = fields.text(keyBytes);
    if (!isLane(key)) throw linkInvalid(`topic '${this.topic}' got a key that is no camera id`);
    const trace = fields.text(traceBytes);
    const headAndPayload = fields.rest();
    if (headBytes > headAndPayload.length) throw linkInvalid(`topic '${this.topic}' got a head of ${headBytes} bytes in ${headAndPayload.length}`);
    const owned = sizeBytes < COPY_BELOW_BYTES ? Buffer.from(headAndPayload) : headAndPayload;
    return { body: this.#codec.decode(owned.subarray(0, headBytes), owned.subarray(headBytes)), key, capturedAt, trace };
  }

  #hasEnded(): boolean {
    if (!this.#hasSeenEnd) return false;
    for (const feed of this.#feeds.values()) if (feed.isAttached && !feed.hasEnded) return false;
    return true;
  }

  #serve(): void {
    while (this.#pulls.length > 0 && this.#head < this.#queue.length) {
      const pull = this.#pulls.shift();
      pull?.resolve(this.#take(pull.max));
    }
    if (this.#pulls.length > 0 && this.#hasEnded()) for (const pull of this.#pulls.splice(0)) pull.resolve(undefined);
  }

  #take(max: number): Delivery<Body> {
    const end = Math.min(this.#queue.length, this.#head + Math.max(1, max));
    const taken = this.#queue.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#queue.length) { this.#queue = []; this.#head = 0; }
    for (const { feed, sizeBytes } of taken) {
      feed.buffered -= 1;
      feed.takenItems += 1;
      feed.takenBytes += sizeBytes;
      this.#tell(feed);
    }
    return deliveryOf(taken.map(item => item.envelope), () => this.#acknowledge(taken), () => this.#putBack(taken));
  }

  #acknowledge(taken: readonly Item<Body>[]): void {
    for (const { feed, seq } of taken) {
      if (feed.isGone) continue; // it comes again over the next connection
      feed.acknowledged.push(seq);
      this.#tell(feed);
    }
  }

  /** Has the other side told, before it waits for credit. */
  #tell(feed: Feed): void {
    if (this.#isHalfTaken(feed)) feed.connection.later(feed.flush);
    else feed.connection.soon(feed.flush);
  }

  #isHalfTaken({ takenItems, takenBytes }: Feed): boolean {
    return takenItems * 2 >= this.#bounds.maxItems || takenBytes * 2 >= this.#bounds.maxBytes;
  }

  #putBack(taken: readonly Item<Body>[]): void {
    const back = taken.filter(item => !item.feed.isGone);
    for (const { feed, sizeBytes } of back) {
      feed.buffered += 1;
      feed.takenItems -= 1; // pulling it again gives its credit back only once
      feed.takenBytes -= sizeBytes;
    }
    this.#queue = [...back, ...this.#queue.slice(this.#head)].toSorted((one, other) => one.order - other.order);
    this.#head = 0;
    this.#serve();
  }

  /** Sends what has gathered: acknowledgements always, credit when half of it is used up or nothing is left to pull. */
  #flush(feed: Feed): void {
    if (feed.isGone) return;
    if (feed.acknowledged.length > 0) {
      feed.connection.send(ackFrame(this.port, feed.acknowledged));
      feed.acknowledged = [];
    }
    const isUsedUp = this.#isHalfTaken(feed) || feed.buffered === 0;
    if (feed.takenItems <= 0 || feed.takenBytes <= 0 || !isUsedUp) return;
    feed.connection.send(numbersFrame(FRAME.credit, [this.port, feed.takenItems, feed.takenBytes]));
    feed.creditItems += feed.takenItems;
    feed.creditBytes += feed.takenBytes;
    feed.takenItems = 0;
    feed.takenBytes = 0;
  }

  #closed(): PlatformError {
    return new PlatformError('PORT_CLOSED', `the input of topic '${this.topic}' is closed`, { topic: this.topic });
  }
}

function ackFrame(port: number, seqs: readonly number[]): Buffer {
  const ranges: [first: number, count: number][] = [];
  for (const seq of seqs.toSorted((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === seq) last[1] += 1;
    else ranges.push([seq, 1]);
  }
  const frame = startFrame(FRAME.ack, 4 + ranges.length * 12);
  let at = frame.writeUInt32LE(port, FRAME_HEAD);
  for (const [first, count] of ranges) {
    at = frame.writeDoubleLE(first, at);
    at = frame.writeUInt32LE(count, at);
  }
  return frame;
}
