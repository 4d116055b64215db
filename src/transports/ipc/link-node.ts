import type { Socket } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Codec, IpcNode, LinkInPort, LinkOutPort, PortBounds } from '../ipc-types.ts';
import { CallClient } from './call-client.ts';
import { CallServer, type CallHandler, type StreamHandler } from './call-server.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import { FRAME, linkInvalid, type FieldReader } from './frames.ts';
import { Inlet } from './inlet.ts';
import { Outlet } from './outlet.ts';

/** How one end of a link differs from the other. */
export interface LinkEnd {
  readonly clock: Clock;
  /** The open connection, as soon as there is one. */
  connect(signal: AbortSignal): Promise<Connection>;
  opened(connection: Connection): void;
  closed(connection: Connection, error: unknown): void;
  /** Stops accepting or making connections. */
  shut(): Promise<void>;
}

/** What a socket of the link delivers and serves: ports by topic, calls by method. Does not know who opened the socket. */
export class LinkNode implements IpcNode, ConnectionListener {
  readonly #end: LinkEnd;
  readonly #outlets = new Map<string, Outlet>();
  readonly #inlets = new Map<number, Inlet<never>>();
  readonly #connections = new Set<Connection>();
  readonly #open = new Set<Connection>();
  readonly #callServer = new CallServer();
  readonly #callClient: CallClient;
  /** Topics by the other side's port number, to hear of acknowledgements and credit. */
  readonly #subscriptions = new Map<Connection, Map<number, Outlet>>();
  #nextPort = 1;
  #closing: Promise<void> | undefined;

  constructor(end: LinkEnd) {
    this.#end = end;
    this.#callClient = new CallClient(signal => end.connect(signal));
  }

  /** Takes over a connected socket. */
  accept(socket: Socket): Connection {
    const connection = new Connection(socket, this, this.#end.clock);
    this.#connections.add(connection);
    if (this.#closing !== undefined) connection.destroy();
    return connection;
  }

  output<Body>(topic: string, codec: Codec<Body>, bounds: PortBounds): LinkOutPort<Body> {
    this.#refuseClosed();
    checkBounds(topic, bounds);
    return this.#outlet(topic).open(codec, bounds);
  }

  input<Body>(topic: string, codec: Codec<Body>, bounds: PortBounds): LinkInPort<Body> {
    this.#refuseClosed();
    checkBounds(topic, bounds);
    for (const inlet of this.#inlets.values()) {
      if (inlet.topic === topic) throw new PlatformError('CONFIG_INVALID', `topic '${topic}' has an input already`, { topic });
    }
    const inlet = new Inlet<Body>(this.#nextPort++, topic, { codec, bounds, onClose: closed => { this.#inlets.delete(closed.port); } });
    this.#inlets.set(inlet.port, inlet as unknown as Inlet<never>); // only its untyped side is used here: frames in, connections come and go
    for (const connection of this.#open) inlet.connected(connection);
    return inlet;
  }

  handle(method: string, handler: CallHandler): void { this.#callServer.handle(method, handler); }

  handleStream(method: string, handler: StreamHandler): void { this.#callServer.handleStream(method, handler); }

  async call(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    this.#refuseClosed();
    signal.throwIfAborted();
    return this.#callClient.call(method, params, signal);
  }

  stream(method: string, params: unknown, signal: AbortSignal): AsyncIterable<unknown> {
    this.#refuseClosed();
    return this.#callClient.stream(method, params, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#tearDown();
    return this.#closing;
  }

  opened(connection: Connection): void {
    this.#open.add(connection);
    this.#subscriptions.set(connection, new Map());
    for (const inlet of this.#inlets.values()) inlet.connected(connection);
    this.#end.opened(connection);
  }

  closed(connection: Connection, error: unknown): void {
    this.#connections.delete(connection);
    this.#open.delete(connection);
    this.#subscriptions.delete(connection);
    for (const inlet of this.#inlets.values()) inlet.disconnected(connection);
    this.#callServer.disconnected(connection);
    this.#callClient.disconnected(connection);
    for (const outlet of this.#outlets.values()) outlet.detach(connection);
    this.#end.closed(connection, error);
  }

  frame(connection: Connection, type: number, fields: FieldReader): void {
    switch (type) {
      case FRAME.item: this.#inlets.get(fields.u32())?.item(connection, fields); break;
      case FRAME.attached: this.#inlets.get(fields.u32())?.attached(connection); break;
      case FRAME.end: this.#inlets.get(fields.u32())?.ended(connection); break;
      case FRAME.subscribe: this.#subscribe(connection, fields); break;
      case FRAME.unsubscribe: case FRAME.ack: case FRAME.credit: this.#toOutlet(connection, type, fields); break;
      case FRAME.call: case FRAME.stream: case FRAME.cancel: case FRAME.streamCredit: this.#callServer.frame(connection, type, fields); break;
      case FRAME.result: case FRAME.value: case FRAME.streamEnd: this.#callClient.frame(type, fields); break;
      default: throw linkInvalid(`frames of type ${type} are unknown`);
    }
  }

  #subscribe(connection: Connection, fields: FieldReader): void {
    const consumer = { connection, port: fields.u32(), creditItems: fields.u32(), creditBytes: fields.u32() };
    const outlet = this.#outlet(fields.text(fields.left()));
    const ports = this.#subscriptions.get(connection);
    if (ports === undefined || ports.has(consumer.port)) throw linkInvalid(`port ${consumer.port} is subscribed already`);
    ports.set(consumer.port, outlet);
    outlet.attach(consumer);
  }

  #toOutlet(connection: Connection, type: number, fields: FieldReader): void {
    const port = fields.u32();
    const outlet = this.#subscriptions.get(connection)?.get(port);
    if (outlet === undefined) throw linkInvalid(`port ${port} is not subscribed`);
    if (type === FRAME.credit) { outlet.credit(connection, port, fields.u32(), fields.u32()); return; }
    if (type === FRAME.ack) { while (fields.left() > 0) outlet.acknowledge(fields.f64(), fields.u32()); return; }
    this.#subscriptions.get(connection)?.delete(port);
    outlet.detach(connection, port);
  }

  #outlet(topic: string): Outlet {
    const known = this.#outlets.get(topic);
    if (known !== undefined) return known;
    const outlet = new Outlet(topic);
    this.#outlets.set(topic, outlet);
    return outlet;
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new PlatformError('PORT_CLOSED', 'the link is closed');
  }

  async #tearDown(): Promise<void> {
    const shut = this.#end.shut();
    await Promise.all([...this.#connections].map(connection => connection.close()));
    for (const inlet of this.#inlets.values()) inlet.close();
    for (const outlet of this.#outlets.values()) outlet.destroy();
    await shut;
  }
}

/** Bounds travel as 32-bit numbers. @throws PlatformError CONFIG_INVALID */
function checkBounds(topic: string, bounds: PortBounds): void {
  for (const [name, value] of Object.entries(bounds)) {
    if (Number.isInteger(value) && value >= 1 && value <= 0xffffffff) continue;
    throw new PlatformError('CONFIG_INVALID', `${name} of topic '${topic}' is ${String(value)}; a whole number from 1 to ${0xffffffff} is needed`, { topic });
  }
}
