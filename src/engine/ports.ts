import type { CameraId, EpochMicros } from './units.ts';

/** A message in flight. */
export interface Envelope<Body> {
  readonly body: Body;
  /** The camera it is about: order is kept per key. */
  readonly key: CameraId;
  /** Event time. */
  readonly capturedAt: EpochMicros;
  /** W3C traceparent, or empty. */
  readonly trace: string;
}

/** Items handed out by a port, until they are acknowledged. */
export interface Delivery<Body> {
  readonly items: readonly Envelope<Body>[];
  /** The items are done and durable downstream: the sender may forget them. Idempotent. */
  ack(): Promise<void>;
  /** The items could not be processed: they are delivered again, in order, before anything newer of their keys. */
  nack(error: unknown): Promise<void>;
}

/** Where a stage's input comes from. Pulled: the absence of a pull is the back-pressure. */
export interface InPort<Body> {
  /**
   * Resolves with 1 to `max` items as soon as there is one, with `undefined` at the end of the input.
   * @throws the signal's reason when it aborts; PlatformError PORT_CLOSED when the port is gone.
   */
  pull(max: number, signal: AbortSignal): Promise<Delivery<Body> | undefined>;
}

/** Where a stage's output goes. */
export interface OutPort<Body> {
  /**
   * Resolves when the items are acknowledged by the consumer. Waits while the port's bound (count or bytes) is reached.
   * Several pushes may be in flight; their items keep the order of the calls.
   * @throws the signal's reason when it aborts; PlatformError PORT_CLOSED when the port is closed for good.
   */
  push(items: readonly Envelope<Body>[], signal: AbortSignal): Promise<void>;
  /** Resolves when there is room for more: awaiting it before a push that is not awaited keeps memory bounded. */
  room(signal: AbortSignal): Promise<void>;
}
