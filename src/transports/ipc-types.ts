import type { InPort, OutPort } from '../engine/ports.ts';

/** Turns message bodies into bytes and back. `payload` (the large part) is sent without a copy and received as a view. */
export interface Codec<Body> {
  encode(body: Body): { readonly head: Uint8Array; readonly payload?: Uint8Array };
  decode(head: Uint8Array, payload: Uint8Array): Body;
}

/** Bounds of an output port: a push waits (`room`) while either is reached by items not yet acknowledged. */
export interface PortBounds { readonly maxItems: number; readonly maxBytes: number }

/** An output port over a link. */
export interface LinkOutPort<Body> extends OutPort<Body> {
  /** Called at each (re)connection of a consumer, before anything is delivered to it; at once when one is connected already. Returns an unsubscribe. */
  onAttach(listener: () => void): () => void;
  /** Forgets everything that is not acknowledged, for a sender that starts over by itself; the pushes reject with PORT_CLOSED. */
  discard(): void;
  /** Unacknowledged items and bytes, for gauges. */
  depth(): { readonly items: number; readonly bytes: number };
  close(): void;
}

/** An input port over a link, fed by every connection of the node. */
export interface LinkInPort<Body> extends InPort<Body> { close(): void }

/** One end of a Unix-socket link: a server with many connections, or a client that reconnects by itself. */
export interface IpcNode {
  output<Body>(topic: string, codec: Codec<Body>, bounds: PortBounds): LinkOutPort<Body>;
  /** `maxItems`/`maxBytes` bound what is buffered here, pulled by credit from the senders. */
  input<Body>(topic: string, codec: Codec<Body>, bounds: PortBounds): LinkInPort<Body>;
  /** Answers calls of the other side. Params and results are structured-cloneable values. */
  handle(method: string, handler: (params: unknown, signal: AbortSignal) => unknown): void;
  /** Answers calls with a sequence of values, sent with credit; the signal aborts when the caller leaves. */
  handleStream(method: string, handler: (params: unknown, signal: AbortSignal) => AsyncIterable<unknown>): void;
  /** Clients only. Rejects with the handler's error (revived), or PORT_CLOSED when the connection is lost before the answer. */
  call(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  stream(method: string, params: unknown, signal: AbortSignal): AsyncIterable<unknown>;
  /** Idempotent. */
  close(): Promise<void>;
}
