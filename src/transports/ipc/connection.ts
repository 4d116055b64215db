import type { Socket } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { FieldReader, FRAME, FRAME_HEAD, FrameDecoder, linkInvalid, startFrame } from './frames.ts';

const MAGIC = 'VTOL';
const VERSION = 1;

/** Buffers below this size are joined before they are written: a system call's vector entry costs more than copying them. */
const JOIN_BELOW_BYTES = 2048;

/** How long acknowledgements and credit wait for more of them: each write is a system call here and a wake-up on the other side. */
const GATHER_MS = 10;

/** How long the last frames may take to leave at `close`. */
const LINGER_MS = 250;

/** What a connection tells its node. */
export interface ConnectionListener {
  /** The other side said hello. */
  opened(connection: Connection): void;
  frame(connection: Connection, type: number, fields: FieldReader): void;
  /** Once, for a connection that opened or not. `error` is absent when the other side closed in good order. */
  closed(connection: Connection, error: unknown): void;
}

/** One socket: frames in, frames out. */
export class Connection {
  readonly #socket: Socket;
  readonly #listener: ConnectionListener;
  readonly #clock: Clock;
  readonly #decoder = new FrameDecoder();
  readonly #flushers = new Set<() => void>();
  /** Of what nobody waits for. */
  readonly #patient = new Set<() => void>();
  #isGathering = false;
  #queue: Uint8Array[] = [];
  #isBatching = false;
  #hasOpened = false;
  #isClosed = false;
  #error: unknown;

  constructor(socket: Socket, listener: ConnectionListener, clock: Clock) {
    this.#socket = socket;
    this.#listener = listener;
    this.#clock = clock;
    const hello = startFrame(FRAME.hello, 5);
    hello.write(MAGIC, FRAME_HEAD, 'latin1');
    hello.writeUInt8(VERSION, FRAME_HEAD + 4);
    this.send(hello);
    socket.on('data', chunk => this.#receive(chunk as Buffer)); // no encoding is set
    socket.on('error', error => { this.#error ??= error; });
    socket.on('close', () => this.#ended());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends a frame, and the payload that belongs to it. The first of a turn leaves at once, the others of the turn together. */
  send(frame: Uint8Array, payload?: Uint8Array): void {
    if (this.#isClosed) return;
    this.#queue.push(frame);
    if (payload !== undefined) this.#queue.push(payload);
    if (this.#isBatching) return;
    this.#writeQueue();
    this.#schedule();
  }

  /** Calls `flush` once at the end of this turn, to send what gathers meanwhile. */
  later(flush: () => void): void {
    if (this.#isClosed) return;
    this.#flushers.add(flush);
    this.#schedule();
  }

  /** As `later`, but with the next frames that leave, at the latest in a few milliseconds (acknowledgements, credit). */
  soon(flush: () => void): void {
    if (this.#isClosed) return;
    this.#patient.add(flush);
    if (this.#isGathering) return;
    this.#isGathering = true;
    void this.#clock.sleep(GATHER_MS).then(() => { this.#isGathering = false; this.#flushPatient(); this.#flush(); });
  }

  /** Sends what is queued, then closes; at the latest after a short while, when the other side does not read. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flushPatient();
    this.#flush();
    const left = new AbortController();
    const closed = new Promise<void>(resolve => { this.#socket.once('close', () => resolve()); });
    this.#socket.end(() => this.#socket.destroy());
    void this.#clock.sleep(LINGER_MS, left.signal).then(() => this.#socket.destroy(), () => { /* closed in time */ });
    await closed;
    left.abort();
  }

  /** Closes at once. */
  destroy(error?: unknown): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #schedule(): void {
    if (this.#isBatching) return;
    this.#isBatching = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    for (const flush of this.#flushers) flush();
    this.#flushers.clear();
    if (this.#queue.length > 0) this.#flushPatient(); // they go along for nothing
    this.#isBatching = false;
    if (this.#queue.length > 0 && !this.#isClosed) this.#writeQueue();
  }

  /** Queues what has gathered: it leaves with the next `#flush`. */
  #flushPatient(): void {
    const wasBatching = this.#isBatching;
    this.#isBatching = true;
    for (const flush of this.#patient) flush();
    this.#patient.clear();
    this.#isBatching = wasBatching;
  }

  #writeQueue(): void {
    const buffers = joinSmall(this.#queue);
    this.#queue = [];
    if (buffers.length > 1) this.#socket.cork();
    for (const buffer of buffers) this.#socket.write(buffer);
    if (buffers.length > 1) this.#socket.uncork();
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosed || this.#error !== undefined) return;
    try {
      this.#decoder.push(chunk, frame => this.#accept(frame));
    } catch (error) {
      this.destroy(error instanceof PlatformError ? error : new PlatformError('LINK_INVALID', 'a frame could not be read', {}, error));
    }
  }

  #accept(frame: Buffer): void {
    const type = frame[0] ?? 0;
    const fields = new FieldReader(frame);
    if (this.#hasOpened) { this.#listener.frame(this, type, fields); return; }
    if (type !== FRAME.hello || fields.text(MAGIC.length) !== MAGIC) throw linkInvalid('the other side speaks another protocol');
    const version = fields.u8();
    if (version !== VERSION) throw linkInvalid(`the other side speaks version ${version} of the link, this one ${VERSION}`);
    this.#hasOpened = true;
    this.#listener.opened(this);
  }

  #ended(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    this.#flushers.clear();
    this.#patient.clear();
    this.#listener.closed(this, this.#error);
  }
}

function joinSmall(queue: readonly Uint8Array[]): readonly Uint8Array[] {
  if (queue.length === 1) return queue;
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    const [only] = small;
    if (only !== undefined) joined.push(small.length === 1 ? only : Buffer.concat(small));
    small = [];
  };
  for (const buffer of queue) {
    if (buffer.length < JOIN_BELOW_BYTES) { small.push(buffer); continue; }
    flush();
    joined.push(buffer);
  }
  flush();
  return joined;
}
