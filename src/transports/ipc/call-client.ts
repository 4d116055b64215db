import { deserialize, serialize } from 'node:v8';
import { PlatformError, reviveError, type ErrorReport } from '../../engine/errors.ts';
import { deferred, type Deferred } from '../../engine/timers.ts';
import type { Connection } from './connection.ts';
import { FRAME, linkInvalid, methodFrame, numbersFrame, type FieldReader } from './frames.ts';

/** Values of a stream that may be on the way or wait to be read. */
const STREAM_WINDOW = 256;

/** A stream as its reader sees it. */
interface Incoming { readonly values: unknown[]; isOver: boolean; error: unknown; wake: Deferred<void> }

/** Calls the handlers of the other side, over whatever connection there is. */
export class CallClient {
  readonly #connect: (signal: AbortSignal) => Promise<Connection>;
  readonly #calls = new Map<number, { readonly connection: Connection; readonly answer: Deferred<unknown> }>();
  readonly #streams = new Map<number, { readonly connection: Connection; readonly incoming: Incoming }>();
  #nextId = 1;

  /** `connect` resolves with the open connection as soon as there is one. */
  constructor(connect: (signal: AbortSignal) => Promise<Connection>) {
    this.#connect = connect;
  }

  async call(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const connection = await this.#connect(signal);
    const id = this.#newId();
    const answer = deferred<unknown>();
    this.#calls.set(id, { connection, answer });
    const cancel = (): void => {
      connection.send(numbersFrame(FRAME.cancel, [id]));
      answer.reject(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      connection.send(methodFrame(FRAME.call, id, method, serialize(params)));
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#calls.delete(id);
    }
  }

  async *stream(method: string, params: unknown, signal: AbortSignal): AsyncGenerator<unknown, void, undefined> {
    const connection = await this.#connect(signal);
    const id = this.#newId();
    const incoming: Incoming = { values: [], isOver: false, error: undefined, wake: deferred() };
    this.#streams.set(id, { connection, incoming });
    const abort = (): void => incoming.wake.resolve();
    signal.addEventListener('abort', abort, { once: true });
    try {
      connection.send(methodFrame(FRAME.stream, id, method, withCredit(STREAM_WINDOW, serialize(params))));
      let read = 0;
      for (;;) {
        signal.throwIfAborted();
        if (incoming.values.length > 0) {
          yield incoming.values.shift();
          read += 1;
          if (read * 2 >= STREAM_WINDOW) { connection.send(numbersFrame(FRAME.streamCredit, [id, read])); read = 0; }
        } else if (incoming.isOver) {
          if (incoming.error !== undefined) throw incoming.error;
          return;
        } else {
          incoming.wake = deferred();
          await incoming.wake.promise;
        }
      }
    } finally {
      signal.removeEventListener('abort', abort);
      this.#streams.delete(id);
      if (!incoming.isOver) connection.send(numbersFrame(FRAME.cancel, [id]));
    }
  }

  /** Takes a frame of type result, value or streamEnd. @throws PlatformError LINK_INVALID when a stream sends more than its credit */
  frame(type: number, fields: FieldReader): void {
    const id = fields.u32();
    if (type === FRAME.result) {
      const { answer } = this.#calls.get(id) ?? {};
      if (fields.u8() === 1) answer?.resolve(deserialize(fields.rest()));
      else answer?.reject(reviveError(deserialize(fields.rest()) as ErrorReport)); // written by reportError on the other side
      return;
    }
    const { incoming } = this.#streams.get(id) ?? {};
    if (incoming === undefined) return; // its reader has left
    if (type === FRAME.value) {
      if (incoming.values.length >= STREAM_WINDOW) throw linkInvalid('a stream got more values than its credit');
      incoming.values.push(deserialize(fields.rest()));
    } else {
      incoming.isOver = true;
      if (fields.u8() !== 1) incoming.error = reviveError(deserialize(fields.rest()) as ErrorReport); // as above
    }
    incoming.wake.resolve();
  }

  /** Fails what waits for an answer over this connection. */
  disconnected(connection: Connection): void {
    const lost = (): PlatformError => new PlatformError('PORT_CLOSED', 'the connection was lost before the answer');
    for (const call of this.#calls.values()) if (call.connection === connection) call.answer.reject(lost());
    for (const { connection: over, incoming } of this.#streams.values()) {
      if (over !== connection || incoming.isOver) continue;
      incoming.isOver = true;
      incoming.error = lost();
      incoming.wake.resolve();
    }
  }

  #newId(): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
}

function withCredit(credit: number, params: Uint8Array): Buffer {
  const tail = Buffer.allocUnsafe(4 + params.length);
  tail.writeUInt32LE(credit, 0);
  tail.set(params, 4);
  return tail;
}
