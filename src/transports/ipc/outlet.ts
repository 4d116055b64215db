import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Envelope } from '../../engine/ports.ts';
import type { Codec, LinkOutPort, PortBounds } from '../ipc-types.ts';
import type { Connection } from './connection.ts';
import { FRAME, FRAME_HEAD, numbersFrame, startFrame } from './frames.ts';

/** An input of the other side that wants this topic. */
export interface Consumer {
  readonly connection: Connection;
  /** The other side's number for its input. */
  readonly port: number;
  creditItems: number;
  creditBytes: number;
}

interface Item { readonly seq: number; readonly frame: Buffer; readonly payload: Uint8Array | undefined; readonly sizeBytes: number; readonly push: Push }

/** A push until its last item is acknowledged. */
class Push extends Wait<void> {
  left = 0;
  /** Takes its items into the port, once there is room. */
  enter: () => void = () => { /* set right after construction */ };
}

const FIELDS_BYTES = 4 + 8 + 8 + 2 + 2 + 4;

/**
 * The sending side of a topic: keeps every item until it is acknowledged. One consumer at a time gets them, the others stand by;
 * when it goes, the next one gets everything that is not acknowledged, in order.
 */
export class Outlet {
  readonly #topic: string;
  readonly #aborts = new AbortGroup();
  readonly #unacknowledged = new Map<number, Item>();
  /** Items the consumer has not been sent, by sequence; those before `#head` are sent. */
  #toSend: Item[] = [];
  #head = 0;
  #nextSeq = 0;
  #bytes = 0;
  #waiting: Push[] = [];
  #rooms: Wait<void>[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #attachListeners = new Set<() => void>();
  #bounds: PortBounds = { maxItems: 0, maxBytes: 0 };
  #isOpen = false;
  /** It was opened at least once: before that, a consumer waits and hears nothing. */
  #exists = false;
  #hasSentEnd = false;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Opens the topic, or opens it again after `close`: what is not acknowledged stays ahead of what comes. @throws PlatformError CONFIG_INVALID when it is open */
  open<Body>(codec: Codec<Body>, bounds: PortBounds): LinkOutPort<Body> {
    if (this.#isOpen) throw new PlatformError('CONFIG_INVALID', `topic '${this.#topic}' has an output already`, { topic: this.#topic });
    this.#isOpen = true;
    this.#bounds = bounds;
    const [consumer] = this.#consumers;
    if (this.#hasSentEnd || !this.#exists) consumer?.connection.send(numbersFrame(FRAME.attached, [consumer.port]));
    this.#hasSentEnd = false;
    this.#exists = true;
    let isMine = true;
    return {
      push: (items, signal) => (isMine ? this.#push(items, codec, signal) : Promise.reject(this.#closed())),
      room: signal => (isMine ? this.#room(signal) : Promise.reject(this.#closed())),
      onAttach: listener => {
        this.#attachListeners.add(listener);
        if (this.#consumers.length > 0) listener();
        return () => { this.#attachListeners.delete(listener); };
      },
      discard: () => { if (isMine) this.#discard(); },
      depth: () => ({ items: this.#unacknowledged.size, bytes: this.#bytes }),
      close: () => { if (isMine) { isMine = false; this.#close(); } },
    };
  }

  attach(consumer: Consumer): void {
    this.#consumers.push(consumer);
    if (this.#consumers[0] === consumer) this.#begin();
  }

  detach(connection: Connection, port?: number): void {
    const active = this.#consumers[0];
    for (let index = this.#consumers.length - 1; index >= 0; index -= 1) {
      const consumer = this.#consumers[index];
      if (consumer?.connection === connection && (port === undefined || consumer.port === port)) this.#consumers.splice(index, 1);
    }
    if (this.#consumers[0] !== active) this.#begin();
  }

  credit(connection: Connection, port: number, items: number, bytes: number): void {
    const consumer = this.#consumers.find(each => each.connection === connection && each.port === port);
    if (consumer === undefined) return; // it has left meanwhile
    consumer.creditItems += items;
    consumer.creditBytes += bytes;
    this.#pump();
  }

  acknowledge(first: number, count: number): void {
    const end = first + count;
    const seqs = count <= this.#unacknowledged.size ? range(first, end) : [...this.#unacknowledged.keys()].filter(seq => seq >= first && seq < end);
    for (const seq of seqs) {
      const item = this.#unacknowledged.get(seq);
      if (item === undefined) continue;
      this.#unacknowledged.delete(seq);
      this.#bytes -= item.sizeBytes;
      item.push.left -= 1;
      if (item.push.left === 0) item.push.resolve();
    }
    while (this.#waiting.length > 0 && !this.#isFull()) this.#waiting.shift()?.enter();
    if (this.#rooms.length > 0 && !this.#isCrowded()) for (const room of this.#rooms.splice(0)) room.resolve();
    this.#pump();
  }

  /** The node goes: nothing will be acknowledged any more. */
  destroy(): void {
    this.#isOpen = false;
    const rooms = this.#rooms.splice(0);
    this.#discard();
    for (const room of rooms) room.reject(this.#closed());
  }

  #discard(): void {
    const pushes = new Set([...this.#waiting.splice(0), ...[...this.#unacknowledged.values()].map(item => item.push)]);
    this.#unacknowledged.clear();
    this.#toSend = [];
    this.#head = 0;
    this.#bytes = 0;
    for (const push of pushes) push.reject(this.#closed());
    for (const room of this.#rooms.splice(0)) room.resolve();
  }

  #push<Body>(items: readonly Envelope<Body>[], codec: Codec<Body>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (items.length === 0) return Promise.resolve();
    const push = new Push(this.#aborts, signal, gone => { this.#waiting = this.#waiting.filter(each => each !== gone); });
    push.left = items.length;
    push.enter = () => this.#enter(items, codec, push);
    if (this.#isCrowded()) this.#waiting.push(push);
    else push.enter();
    this.#pump();
    return push.promise;
  }

  #room(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (!this.#isCrowded()) return Promise.resolve();
    const room = new Wait<void>(this.#aborts, signal, gone => { this.#rooms = this.#rooms.filter(each => each !== gone); });
    this.#rooms.push(room);
    return room.promise;
  }

  #close(): void {
    this.#isOpen = false;
    for (const room of this.#rooms.splice(0)) room.reject(this.#closed());
    this.#pump();
  }

  #isFull(): boolean {
    return this.#unacknowledged.size >= this.#bounds.maxItems || this.#bytes >= this.#bounds.maxBytes;
  }

  #isCrowded(): boolean {
    return this.#waiting.length > 0 || this.#isFull();
  }

  #enter<Body>(items: readonly Envelope<Body>[], codec: Codec<Body>, push: Push): void {
    let encoded: Item[];
    try {
      encoded = items.map((envelope, index) => encodeItem(envelope, codec, this.#nextSeq + index, push));
    } catch (error) {
      push.reject(error);
      return;
    }
    this.#nextSeq += encoded.length;
    for (const item of encoded) {
      this.#unacknowledged.set(item.seq, item);
      this.#toSend.push(item);
      this.#bytes += item.sizeBytes;
    }
  }

  /** A consumer has become the one that is served. */
  #begin(): void {
    const [consumer] = this.#consumers;
    this.#toSend = [...this.#unacknowledged.values()];
    this.#head = 0;
    this.#hasSentEnd = false;
    if (consumer === undefined || !this.#exists) return;
    consumer.connection.send(numbersFrame(FRAME.attached, [consumer.port]));
    for (const listener of this.#attachListeners) listener();
    this.#pump();
  }

  #pump(): void {
    const [consumer] = this.#consumers;
    if (consumer === undefined) return;
    while (this.#head < this.#toSend.length && consumer.creditItems > 0 && consumer.creditBytes > 0) {
      const item = this.#toSend[this.#head] as Item; // `#head` is below the length
      this.#head += 1;
      consumer.creditItems -= 1;
      consumer.creditBytes -= item.sizeBytes;
      item.frame.writeUInt32LE(consumer.port, FRAME_HEAD);
      consumer.connection.send(item.frame, item.payload);
    }
    if (this.#head < this.#toSend.length) return;
    this.#toSend = [];
    this.#head = 0;
    if (this.#isOpen || !this.#exists || this.#hasSentEnd || this.#waiting.length > 0) return;
    this.#hasSentEnd = true;
    consumer.connection.send(numbersFrame(FRAME.end, [consumer.port]));
  }

  #closed(): PlatformError {
    return new PlatformError('PORT_CLOSED', `the output of topic '${this.#topic}' is closed`, { topic: this.#topic });
  }
}

function encodeItem<Body>(envelope: Envelope<Body>, codec: Codec<Body>, seq: number, push: Push): Item {
  const { head, payload } = codec.encode(envelope.body);
  const keyBytes = Buffer.byteLength(envelope.key);
  const traceBytes = Buffer.byteLength(envelope.trace);
  const frame = startFrame(FRAME.item, FIELDS_BYTES + keyBytes + traceBytes + head.length, payload?.length ?? 0);
  let at = FRAME_HEAD + 4;
  at = frame.writeDoubleLE(seq, at);
  at = frame.writeDoubleLE(envelope.capturedAt, at);
  at = frame.writeUInt16LE(keyBytes, at);
  at = frame.writeUInt16LE(traceBytes, at);
  at = frame.writeUInt32LE(head.length, at);
  at += frame.write(envelope.key, at);
  at += frame.write(envelope.trace, at);
  frame.set(head, at);
  return { seq, frame, payload: payload === undefined || payload.length === 0 ? undefined : payload, sizeBytes: frame.length + (payload?.length ?? 0), push };
}

function* range(first: number, end: number): Iterable<number> {
  for (let seq = first; seq < end; seq += 1) yield seq;
}
