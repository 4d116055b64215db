import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';

/** What travels with every question to a desk. */
export interface DeskQuestion { readonly camera: CameraId; readonly params: unknown }

/** Answers a question about one camera. Params and result are structured-cloneable values. */
export type DeskHandler = (camera: CameraId, params: unknown, signal: AbortSignal) => unknown;

/** Answers with a sequence; the signal aborts when the caller leaves. */
export type DeskStreamHandler = (camera: CameraId, params: unknown, signal: AbortSignal) => AsyncIterable<unknown>;

/** Options of {@link openDesk}. */
export interface DeskOptions {
  /** File of its socket. */
  readonly socket: string;
  /** Whether this process runs the camera. */
  readonly hasCamera: (camera: CameraId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/** Where an ingest process answers what is asked of its cameras while they run: live pictures, WebRTC sessions, PTZ. */
export interface Desk {
  /** @throws PlatformError CONFIG_INVALID when the method has a handler already */
  handle(method: string, handler: DeskHandler): void;
  /** @throws PlatformError CONFIG_INVALID when the method has a handler already */
  handleStream(method: string, handler: DeskStreamHandler): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the desk of an ingest process; only the root calls it. A camera that is not run here is answered with PORT_CLOSED: the caller
 * knows which cameras there are, so this one is on its way.
 */
export async function openDesk(options: DeskOptions): Promise<Desk> {
  const { socket, hasCamera, clock, random, onError } = options;
  const node = await listenIpc({ path: socket, clock, random, onError });
  const asked = (question: unknown): DeskQuestion => {
    const known = question as DeskQuestion; // sent by the root of the same version
    if (!hasCamera(known.camera)) throw new PlatformError('PORT_CLOSED', `camera '${known.camera}' is not run by this process now`, { camera: known.camera });
    return known;
  };
  return {
    handle: (method, handler) => node.handle(method, (question, signal) => {
      const { camera, params } = asked(question);
      return handler(camera, params, signal);
    }),
    handleStream: (method, handler) => node.handleStream(method, (question, signal) => {
      const { camera, params } = asked(question);
      return handler(camera, params, signal);
    }),
    close: () => node.close(),
  };
}
