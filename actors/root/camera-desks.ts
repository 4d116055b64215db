import { join } from 'node:path';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { deferred, withTimeout, type Deferred } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import type { DeskQuestion } from '../ingest/desk.ts';

/** Asks the process that runs a camera, wherever that is. */
export interface DeskAccess {
  /**
   * The answer of the camera's process.
   * @throws PlatformError CAMERA_UNKNOWN; PORT_CLOSED when the process is away, or goes before it answered: to be asked again; CAMERA_ELSEWHERE or
   * ROLE_ABSENT on a node of a cluster that does not run it; what the handler throws; the signal's reason
   */
  call(camera: CameraId, method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  /** Where the camera's process answers, for another process of this node. @throws PlatformError CAMERA_UNKNOWN, CAMERA_ELSEWHERE, ROLE_ABSENT */
  socketOf(camera: CameraId): string;
  /** As `call`, for a sequence. Values that were sent before the process went are given first. */
  stream(camera: CameraId, method: string, params: unknown, signal: AbortSignal): AsyncIterable<unknown>;
}

/** Options of {@link CameraDesks}. */
export interface CameraDesksOptions {
  /** Name of the ingest process that has the camera; undefined for a camera that is not there. */
  readonly processOf: (camera: CameraId) => string | undefined;
  /** Folder of the sockets of this run. */
  readonly sockets: () => string;
  readonly clock: Clock;
  readonly random: Random;
}

/** An ingest process that is being replaced is waited for so long. */
const AWAY_MS = 3_000;

/** File of the desk's socket of an ingest process. */
export function deskSocket(sockets: string, process: string): string {
  return join(sockets, `${process}-desk.sock`);
}

interface Link { readonly node: IpcNode; isOpen: boolean; opened: Deferred<void> }

/** The desks of this node's ingest processes, found by camera. One connection a process, opened when it is first asked and again after each restart of it. */
export class CameraDesks implements DeskAccess {
  readonly #options: CameraDesksOptions;
  readonly #links = new Map<string, Link>();
  #isClosed = false;

  constructor(options: CameraDesksOptions) {
    this.#options = options;
  }

  async call(camera: CameraId, method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const node = await this.#nodeOf(camera);
    return node.call(method, { camera, params } satisfies DeskQuestion, signal);
  }

  async *stream(camera: CameraId, method: string, params: unknown, signal: AbortSignal): AsyncGenerator<unknown, void, undefined> {
    const node = await this.#nodeOf(camera);
    yield* node.stream(method, { camera, params } satisfies DeskQuestion, signal);
  }

  socketOf(camera: CameraId): string {
    const name = this.#options.processOf(camera);
    if (name === undefined) throw new PlatformError('CAMERA_UNKNOWN', `camera '${camera}' is unknown`, { camera });
    return deskSocket(this.#options.sockets(), name);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#links.values()].map(({ node }) => node.close()));
    this.#links.clear();
  }

  async #nodeOf(camera: CameraId): Promise<IpcNode> {
    const name = this.#options.processOf(camera);
    if (name === undefined) throw new PlatformError('CAMERA_UNKNOWN', `camera '${camera}' is unknown`, { camera });
    if (this.#isClosed) throw new PlatformError('PORT_CLOSED', 'the platform is stopping', { camera });
    const link = this.#links.get(name) ?? this.#open(name);
    if (!link.isOpen) await withTimeout(link.opened.promise, AWAY_MS, this.#options.clock, new PlatformError('PORT_CLOSED', `process ${name} of camera '${camera}' is away`, { camera }));
    return link.node;
  }

  #open(name: string): Link {
    const { sockets, clock, random } = this.#options;
    const node = connectIpc({
      path: deskSocket(sockets(), name), clock, random, backoffMs: 10, backoffMaxMs: 200,
      onState: ({ state }) => {
        if (state === 'connected') link.opened.resolve();
        else if (link.isOpen) link.opened = deferred(); // else who waits for the first connection would wait for another one
        link.isOpen = state === 'connected';
      },
    });
    const link: Link = { node, isOpen: false, opened: deferred() };
    this.#links.set(name, link);
    return link;
  }
}

/** The desks as a gateway node of a cluster has them: those of its own cameras, where it runs any. */
export function clusterDesks(own: DeskAccess | undefined, isWanted: (camera: CameraId) => boolean): DeskAccess {
  const refusal = (camera: CameraId): PlatformError => (isWanted(camera)
    ? new PlatformError('CAMERA_ELSEWHERE', `camera '${camera}' is run by another node of the cluster`, { camera })
    : new PlatformError('CAMERA_UNKNOWN', `camera '${camera}' is unknown`, { camera }));
  const translated = (camera: CameraId, error: unknown): unknown => (error instanceof PlatformError && error.code === 'CAMERA_UNKNOWN' ? refusal(camera) : error);
  return {
    async call(camera, method, params, signal) {
      if (own === undefined) throw refusal(camera);
      try { return await own.call(camera, method, params, signal); } catch (error) { throw translated(camera, error); }
    },
    socketOf(camera) {
      if (own === undefined) throw refusal(camera);
      try { return own.socketOf(camera); } catch (error) { throw translated(camera, error); }
    },
    async *stream(camera, method, params, signal) {
      if (own === undefined) throw refusal(camera);
      try { yield* own.stream(camera, method, params, signal); } catch (error) { throw translated(camera, error); }
    },
  };
}
