import type { OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { SwitchedPort } from '../../src/data-ops/feed/switched-port.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';

/** A camera's consumer, whichever it is at the moment. */
export interface CameraConsumer {
  readonly out: OutPort<ChunkPart>;
  /** Calls `listener` whenever a consumer attaches, and when the camera goes to another one. Returns an unsubscribe. */
  readonly onAttach: (listener: () => void) => () => void;
}

interface Route {
  port: SwitchedPort;
  /** Those who want to hear of attachments, and how each is unsubscribed from the port of the moment. */
  readonly listeners: Map<() => void, () => void>;
}

/** Which vision process gets the parts of each camera. The root says so; a camera that goes to another one is fed there what has no record, as after a crash. */
export class CameraRoutes {
  readonly #ports: readonly SwitchedPort[];
  readonly #routes = new Map<CameraId, Route>();

  constructor(ports: readonly SwitchedPort[]) {
    this.#ports = ports;
  }

  /** Sends a camera to the vision process at `place`. */
  send(camera: CameraId, place: number): void {
    const port = this.#ports[place];
    if (port === undefined) throw new Error(`there is no vision process at ${place}`);
    const route = this.#routes.get(camera);
    if (route === undefined) { this.#routes.set(camera, { port, listeners: new Map() }); return; }
    if (route.port === port) return;
    route.port.leave(camera);
    route.port = port;
    for (const [listener, unhear] of route.listeners) {
      unhear();
      route.listeners.set(listener, port.onAttach(listener));
    }
  }

  /** @throws Error when the camera was sent nowhere */
  consumerOf(camera: CameraId): CameraConsumer {
    const route = this.#routes.get(camera);
    if (route === undefined) throw new Error(`camera '${camera}' has no vision process`);
    return {
      out: { push: (items, signal) => route.port.push(items, signal), room: signal => route.port.room(signal) },
      onAttach: listener => {
        route.listeners.set(listener, route.port.onAttach(listener));
        return () => {
          route.listeners.get(listener)?.();
          route.listeners.delete(listener);
        };
      },
    };
  }

  forget(camera: CameraId): void { this.#routes.delete(camera); }
}
