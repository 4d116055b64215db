import { AbortGroup, Wait } from '../../engine/abort-group.ts';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Envelope, OutPort } from '../../engine/ports.ts';
import { recordHeaders } from '../../messages/cloud-event.ts';
import type { KafkaOutOptions, OutRecord, RecordCodec } from '../kafka-types.ts';

/** What an output port needs. */
export interface OutputDeps {
  /**
   * Writes groups of records together and in order, and keeps trying while the brokers are away; one promise a group, which rejects when a
   * record of it can never be written. Called again when all have settled.
   */
  send(groups: readonly (readonly OutRecord[])[]): readonly Promise<unknown>[];
  /** Ends the sending: a send under way rejects. */
  stop(): Promise<void>;
  readonly clock: Clock;
}

/** An output port on Kafka: acknowledged by the log. */
export type KafkaOutPort<Body> = OutPort<Body> & { depth(): { readonly items: number; readonly bytes: number }; close(): Promise<void> };

/** Makes an output port: bounded, in order, one batch under way while the next gathers. */
export function createOutputPort<Body>(topic: string, codec: RecordCodec<Body>, options: KafkaOutOptions, deps: OutputDeps): KafkaOutPort<Body> {
  return new Output(topic, codec, options, deps);
}

/** A push until its records are acknowledged. */
class Push extends Wait<void> {
  readonly records: readonly OutRecord[];
  readonly bytes: number;
  readonly pushedMs: number;

  constructor(pushed: { readonly records: readonly OutRecord[]; readonly atMs: number }, group: AbortGroup, signal: AbortSignal, onAbort: (push: Wait<void>) => void) {
    super(group, signal, onAbort);
    this.records = pushed.records;
    this.bytes = pushed.records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    this.pushedMs = pushed.atMs;
  }
}

class Output<Body> implements OutPort<Body> {
  readonly #topic: string;
  readonly #codec: RecordCodec<Body>;
  readonly #options: KafkaOutOptions;
  readonly #deps: OutputDeps;
  readonly #aborts = new AbortGroup();
  readonly #ended = new AbortController();
  /** Within the bounds, not yet under way. */
  #entered: Push[] = [];
  #waiting: Push[] = [];
  #rooms: Wait<void>[] = [];
  #items = 0;
  #bytes = 0;
  #sending: Promise<void> | undefined;
  #lingering: AbortController | undefined;

  constructor(topic: string, codec: RecordCodec<Body>, options: KafkaOutOptions, deps: OutputDeps) {
    this.#topic = topic;
    this.#codec = codec;
    this.#options = options;
    this.#deps = deps;
  }

  depth(): { readonly items: number; readonly bytes: number } {
    return { items: this.#items, bytes: this.#bytes };
  }

  async push(items: readonly Envelope<Body>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#ended.signal.aborted) throw closed(this.#topic);
    if (items.length === 0) return;
    const records = items.map(item => this.#recordOf(item));
    const push = new Push({ records, atMs: this.#deps.clock.monotonicMs() }, this.#aborts, signal, gone => { this.#waiting = this.#waiting.filter(each => each !== gone); });
    this.#waiting.push(push);
    this.#admit();
    await push.promise;
  }

  async room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#ended.signal.aborted) throw closed(this.#topic);
    if (this.#waiting.length === 0 && !this.#isFull()) return;
    const room = new Wait<void>(this.#aborts, signal, gone => { this.#rooms = this.#rooms.filter(each => each !== gone); });
    this.#rooms.push(room);
    await room.promise;
  }

  /** What is under way is awaited while the brokers answer; what was not sent rejects with PORT_CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(closed(this.#topic));
      for (const push of this.#entered.splice(0)) { this.#leave(push); push.reject(closed(this.#topic)); }
      for (const wait of [...this.#waiting.splice(0), ...this.#rooms.splice(0)]) wait.reject(closed(this.#topic));
      await this.#deps.stop();
    }
    await this.#sending;
  }

  #recordOf(envelope: Envelope<Body>): OutRecord {
    return { topic: this.#topic, key: envelope.key, value: this.#codec.encode(envelope.body), headers: recordHeaders(this.#codec, envelope) };
  }

  #isFull(): boolean {
    return this.#items >= this.#options.maxItems || this.#bytes >= this.#options.maxBytes;
  }

  #admit(): void {
    while (this.#waiting.length > 0 && !this.#isFull()) {
      const push = this.#waiting.shift();
      if (push === undefined) break;
      this.#entered.push(push);
      this.#items += push.records.length;
      this.#bytes += push.bytes;
    }
    if (this.#waiting.length === 0 && !this.#isFull()) for (const room of this.#rooms.splice(0)) room.resolve();
    if (this.#entered.length > 0) this.#sending ??= this.#sendAll();
    this.#lingering?.abort();
  }

  #leave(push: Push): void {
    this.#items -= push.records.length;
    this.#bytes -= push.bytes;
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve(); // pushes of one turn go together
    while (this.#entered.length > 0 && !this.#ended.signal.aborted) {
      await this.#linger();
      const batch = this.#takeBatch();
      const sent = this.#deps.send(batch.map(push => push.records));
      await Promise.all(batch.map(async (push, index) => {
        try {
          await sent[index];
          push.resolve();
        } catch (error) {
          push.reject(error);
        }
        this.#leave(push);
      }));
      this.#admit();
    }
    this.#sending = undefined;
  }

  /** Waits until the batch is large or old enough. */
  async #linger(): Promise<void> {
    const { lingerMs, batchBytes } = this.#options;
    for (let [first] = this.#entered; first !== undefined && lingerMs > 0; [first] = this.#entered) {
      const leftMs = first.pushedMs + lingerMs - this.#deps.clock.monotonicMs();
      const gathered = this.#entered.reduce((sum, { bytes }) => sum + bytes, 0);
      if (leftMs <= 0 || gathered >= batchBytes || this.#isFull()) return;
      this.#lingering = new AbortController();
      const wake = AbortSignal.any([this.#lingering.signal, this.#ended.signal]);
      await this.#deps.clock.sleep(leftMs, wake).catch(() => { /* woken by a push or the end: looked at again */ });
      this.#lingering = undefined;
    }
  }

  #takeBatch(): Push[] {
    let bytes = 0;
    let count = 0;
    for (const push of this.#entered) {
      if (count > 0 && bytes + push.bytes > this.#options.batchBytes) break;
      bytes += push.bytes;
      count += 1;
    }
    return this.#entered.splice(0, count);
  }
}

function closed(topic: string): PlatformError {
  return new PlatformError('PORT_CLOSED', `the output to '${topic}' is closed`);
}
