import { deserialize, serialize } from 'node:v8';
import { abortable } from '../../engine/abortable.ts';
import { PlatformError, reportError } from '../../engine/errors.ts';
import { deferred, type Deferred } from '../../engine/timers.ts';
import type { Connection } from './connection.ts';
import { FRAME, numbersFrame, resultFrame, type FieldReader } from './frames.ts';

/** Calls and streams of one connection that may run at once; one more is answered with OVERLOADED. */
const MAX_RUNNING = 1024;

/** Answers a call. */
export type CallHandler = (params: unknown, signal: AbortSignal) => unknown;
/** Answers with a sequence. */
export type StreamHandler = (params: unknown, signal: AbortSignal) => AsyncIterable<unknown>;

interface Running { readonly stop: AbortController; credit: number; wake: Deferred<void> }

/** Runs the handlers that the other sides of a node's connections call. */
export class CallServer {
  readonly #handlers = new Map<string, CallHandler>();
  readonly #streamHandlers = new Map<string, StreamHandler>();
  readonly #running = new Map<Connection, Map<number, Running>>();

  /** @throws PlatformError CONFIG_INVALID when the method has a handler already */
  handle(method: string, handler: CallHandler): void {
    this.#refuseTaken(method);
    this.#handlers.set(method, handler);
  }

  /** @throws PlatformError CONFIG_INVALID when the method has a handler already */
  handleStream(method: string, handler: StreamHandler): void {
    this.#refuseTaken(method);
    this.#streamHandlers.set(method, handler);
  }

  /** Takes a frame of type call, stream, cancel or streamCredit. */
  frame(connection: Connection, type: number, fields: FieldReader): void {
    const id = fields.u32();
    if (type === FRAME.cancel) { this.#of(connection).get(id)?.stop.abort(); return; }
    if (type === FRAME.streamCredit) {
      const running = this.#of(connection).get(id);
      if (running === undefined) return; // it ended meanwhile
      running.credit += fields.u32();
      running.wake.resolve();
      return;
    }
    const method = fields.text(fields.u16());
    const credit = type === FRAME.stream ? fields.u32() : 0;
    void this.#answer({ connection, id, method, credit, isStream: type === FRAME.stream, params: fields.rest() });
  }

  /** The caller is gone: what it asked for is stopped. */
  disconnected(connection: Connection): void {
    for (const running of this.#running.get(connection)?.values() ?? []) running.stop.abort();
    this.#running.delete(connection);
  }

  #refuseTaken(method: string): void {
    if (!this.#handlers.has(method) && !this.#streamHandlers.has(method)) return;
    throw new PlatformError('CONFIG_INVALID', `method '${method}' has a handler already`, { method });
  }

  #of(connection: Connection): Map<number, Running> {
    const known = this.#running.get(connection);
    if (known !== undefined) return known;
    const fresh = new Map<number, Running>();
    if (!connection.isClosed) this.#running.set(connection, fresh);
    return fresh;
  }

  async #answer(call: Call): Promise<void> {
    const { connection, id } = call;
    const all = this.#of(connection);
    const running: Running = { stop: new AbortController(), credit: call.credit, wake: deferred() };
    const end = call.isStream ? FRAME.streamEnd : FRAME.result;
    running.stop.signal.addEventListener('abort', () => running.wake.resolve());
    try {
      if (all.size >= MAX_RUNNING) throw new PlatformError('OVERLOADED', `${all.size} calls are running`, { method: call.method });
      all.set(id, running);
      const result = call.isStream ? await this.#stream(call, running) : await this.#call(call, running.stop.signal);
      connection.send(resultFrame(end, id, true, serialize(result)));
    } catch (error) {
      connection.send(resultFrame(end, id, false, serialize(reportError(error))));
    } finally {
      if (all.get(id) === running) all.delete(id);
    }
  }

  async #call(call: Call, signal: AbortSignal): Promise<unknown> {
    const handler = this.#handlers.get(call.method);
    if (handler === undefined) throw unknownMethod(call.method, this.#handlers);
    return handler(deserialize(call.params), signal);
  }

  async #stream(call: Call, running: Running): Promise<undefined> {
    const handler = this.#streamHandlers.get(call.method);
    if (handler === undefined) throw unknownMethod(call.method, this.#streamHandlers);
    const { signal } = running.stop;
    const values = handler(deserialize(call.params), signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        while (running.credit <= 0 && !signal.aborted) { running.wake = deferred(); await running.wake.promise; }
        if (signal.aborted) return undefined;
        const next = await abortable(values.next(), signal);
        if (next.done === true) return undefined;
        running.credit -= 1;
        call.connection.send(numbersFrame(FRAME.value, [call.id], serialize(next.value)));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return undefined;
    } finally {
      // not awaited: a generator that hangs in its own await would hold the answer back for ever
      Promise.resolve(values.return?.()).catch(() => { /* its end has been reported already */ });
    }
  }
}

interface Call {
  readonly connection: Connection;
  readonly id: number;
  readonly method: string;
  readonly isStream: boolean;
  /** Values the caller takes before it gives more credit. */
  readonly credit: number;
  readonly params: Buffer;
}

function unknownMethod(method: string, known: ReadonlyMap<string, unknown>): PlatformError {
  return new PlatformError('REQUEST_INVALID', `unknown method '${method}' (known: ${[...known.keys()].toSorted().join(', ')})`, { method });
}
