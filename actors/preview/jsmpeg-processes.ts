import { dirname, join } from 'node:path';
import type { Actor, RestartPolicy, Supervised } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { withTimeout } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { JsmpegAccess } from '../../src/serving-ops/service.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import { ProcessActor } from '../process/child-process.ts';
import { POLICIES } from '../tree.ts';
import { JSMPEG_METHOD, type JsmpegNote, type JsmpegSettings } from './jsmpeg-role.ts';

/** What the processes are started with. */
export interface JsmpegProcessesOptions {
  readonly supervise: (actor: Actor, policy: RestartPolicy) => Supervised;
  /** Socket of the desk of the process that runs the camera. @throws PlatformError CAMERA_UNKNOWN, CAMERA_ELSEWHERE, ROLE_ABSENT */
  readonly deskOf: (camera: CameraId) => string;
  readonly clock: Clock;
  readonly random: Random;
  /** A line of a process. */
  readonly onLine: (process: string, line: string) => void;
  /** No pictures can be made for the camera. */
  readonly onFailed: (camera: CameraId, note: JsmpegNote) => void;
}

interface Running { readonly camera: CameraId; readonly deskSocket: string; readonly actor: ProcessActor; readonly supervised: Supervised; readonly node: IpcNode; viewers: number; visits: number }

/** After the last viewer left, a process stays for one that comes back. */
const LINGER_MS = 5_000;
const READY_MS = 10_000;
const AGAIN_MS = 100;
/** Cameras that are shown to old players at a time: each costs an ffmpeg. */
const CAMERAS_MAX = 16;

/** One process a camera that old players watch: none while nobody does. */
export class JsmpegProcesses implements JsmpegAccess {
  readonly #options: JsmpegProcessesOptions;
  readonly #running = new Map<CameraId, Running>();
  #started = 0;

  constructor(options: JsmpegProcessesOptions) {
    this.#options = options;
  }

  async *watch(camera: CameraId, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const running = this.#get(camera);
    running.viewers += 1;
    running.visits += 1;
    try {
      while (!signal.aborted) {
        try {
          await withTimeout(running.actor.untilReady(), READY_MS, this.#options.clock, new PlatformError('TIMED_OUT', `process ${running.actor.name} does not start`, { camera }));
          yield* running.node.stream(JSMPEG_METHOD, undefined, signal) as AsyncIterable<Uint8Array>; // told by the role of the same version
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED' || this.#running.get(camera) !== running) throw error;
          await this.#options.clock.sleep(AGAIN_MS, signal).catch(() => { /* the loop sees why */ }); // the process was lost and is started again
        }
      }
    } finally {
      running.viewers -= 1;
      void this.#linger(running);
    }
  }

  /** Ends every process. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(running => this.#stop(running)));
  }

  #get(camera: CameraId): Running {
    const deskSocket = this.#options.deskOf(camera);
    const known = this.#running.get(camera);
    if (known?.deskSocket === deskSocket) return known;
    if (known !== undefined) void this.#stop(known); // the camera is run by another process now
    if (this.#running.size >= CAMERAS_MAX) throw new PlatformError('OVERLOADED', `old players watch ${CAMERAS_MAX} cameras already`);
    return this.#start(camera, deskSocket);
  }

  #start(camera: CameraId, deskSocket: string): Running {
    const { clock, random, onLine, onFailed, supervise } = this.#options;
    this.#started += 1;
    const socket = join(dirname(deskSocket), `jsmpeg-${this.#started}.sock`);
    const settings: JsmpegSettings = { camera, deskSocket, socket };
    const actor = new ProcessActor({
      name: `jsmpeg-${this.#started}-${camera}`, role: 'jsmpeg', settings: () => settings, threadPoolSize: 4, clock, onLine, onNote: note => onFailed(camera, note as JsmpegNote), stopMs: 1_000, // told by the role of the same version
    });
    const running: Running = { camera, deskSocket, actor, supervised: supervise(actor, POLICIES.process), node: connectIpc({ path: socket, clock, random, backoffMs: 10, backoffMaxMs: 100 }), viewers: 0, visits: 0 };
    this.#running.set(camera, running);
    return running;
  }

  async #linger(running: Running): Promise<void> {
    const { visits } = running;
    if (running.viewers > 0) return;
    await this.#options.clock.sleep(LINGER_MS);
    if (running.viewers === 0 && running.visits === visits) await this.#stop(running);
  }

  async #stop(running: Running): Promise<void> {
    if (this.#running.get(running.camera) === running) this.#running.delete(running.camera);
    await running.supervised.stop();
    await running.node.close();
  }
}
