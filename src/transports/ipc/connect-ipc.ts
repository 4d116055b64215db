import { connect } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Random } from '../../engine/random.ts';
import { deferred, type Deferred } from '../../engine/timers.ts';
import type { IpcNode } from '../ipc-types.ts';
import type { Connection } from './connection.ts';
import { LinkNode } from './link-node.ts';

/** State of the connecting side. `error` says why it was lost; absent when the other side closed in good order. */
export type LinkState = { readonly state: 'connected' } | { readonly state: 'disconnected'; readonly error: unknown };

/** Options of {@link connectIpc}. */
export interface ConnectIpcOptions {
  /** File of the socket. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  /** First wait before connecting again; doubles up to `backoffMaxMs`, less up to half of it at random. @default 20 */
  readonly backoffMs?: number;
  /** @default 500 */
  readonly backoffMaxMs?: number;
  /** Told of each change; a server that is not there yet is reported once. */
  onState?(state: LinkState): void;
}

/** Opens the connecting side of a link. Returns at once; connects, and connects again after a loss, until it is closed. */
export function connectIpc(options: ConnectIpcOptions): IpcNode {
  const client = new Client(options);
  return client.node;
}

class Client {
  readonly node: LinkNode;
  readonly #options: ConnectIpcOptions;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #current: Connection | undefined;
  #open = quietly(deferred<Connection>());
  #lost = deferred<unknown>();
  #said: LinkState['state'] | undefined;
  #retries = 0;

  constructor(options: ConnectIpcOptions) {
    this.#options = options;
    this.node = new LinkNode({
      clock: options.clock,
      connect: signal => this.#connection(signal),
      opened: connection => this.#opened(connection),
      closed: (connection, error) => this.#closed(connection, error),
      shut: () => this.#shut(),
    });
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    const { backoffMs = 20, backoffMaxMs = 500, clock, random } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#lost = deferred<unknown>();
      this.#dial();
      const error = await this.#lost.promise;
      if (this.#stop.signal.aborted) return;
      this.#say({ state: 'disconnected', error });
      const waitMs = Math.min(backoffMs * 2 ** this.#retries, backoffMaxMs);
      this.#retries += 1;
      await clock.sleep(waitMs * (1 - random.next() / 2), this.#stop.signal).catch(() => { /* closed: the loop ends */ });
    }
  }

  #dial(): void {
    const socket = connect(this.#options.path);
    const refused = (error: Error): void => { this.#lost.resolve(error); };
    const stop = (): void => { socket.destroy(); this.#lost.resolve(undefined); };
    socket.once('error', refused);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    socket.once('close', () => this.#stop.signal.removeEventListener('abort', stop));
    socket.once('connect', () => {
      socket.off('error', refused);
      this.#stop.signal.removeEventListener('abort', stop); // from here the node closes it, after its last frames
      this.node.accept(socket);
    });
  }

  #opened(connection: Connection): void {
    this.#retries = 0;
    this.#current = connection;
    this.#open.resolve(connection);
    this.#say({ state: 'connected' });
  }

  #closed(connection: Connection, error: unknown): void {
    if (this.#current === connection) {
      this.#current = undefined;
      this.#open = quietly(deferred<Connection>());
    }
    this.#lost.resolve(error);
  }

  #say(state: LinkState): void {
    if (this.#said === state.state) return;
    this.#said = state.state;
    this.#options.onState?.(state);
  }

  /** The open connection. @throws the signal's reason; PlatformError PORT_CLOSED when the link closes first */
  async #connection(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    if (this.#current !== undefined) return this.#current;
    const aborted = deferred<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([this.#open.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #shut(): Promise<void> {
    this.#stop.abort();
    this.#open.reject(new PlatformError('PORT_CLOSED', 'the link is closed'));
    await this.#loop;
  }
}

/** A rejection that may have no reader is no fault. */
function quietly<Value>(wait: Deferred<Value>): Deferred<Value> {
  wait.promise.catch(() => { /* calls that wait get it too */ });
  return wait;
}
