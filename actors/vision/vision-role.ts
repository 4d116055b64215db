import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import type { EncodingWish } from '../../src/messages/desired-camera.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { halfOfMemory } from '../process/half-of-memory.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES } from '../tree.ts';
import type { GateSettings } from './gating.ts';
import { cameraEncoders } from './camera-encoders.ts';
import { DUTIES, type VisionDuty } from './duties.ts';
import { serveStillPictures } from './still-pictures.ts';

/** Settings of a vision process. */
export interface VisionSettings {
  /** What it does. @default 'fused' */
  readonly duty?: VisionDuty;
  /** Where this process listens for parts. */
  readonly socket: string;
  /** Where it takes its results: the store, or in a cluster the host. */
  readonly storeSocket: string;
  readonly model: DetectorOptions;
  /** What decodes. @default 'auto' */
  readonly decoder?: Config['vision']['decoder'];
  /** What follows objects, by camera; `*` for the others. @default none anywhere */
  readonly trackers?: Readonly<Record<string, string>>;
  readonly stalenessMs: number;
  readonly catchUpMs: number;
  /** Shares of cameras in the time when there is not enough for all. @default 1 each */
  readonly priorities?: Readonly<Record<string, number>>;
  /** Most frames of several cameras that go through the model at once. @default 1 */
  readonly batchMax?: number;
  /** How long a frame may wait for others to go with, where that pays. @default 0 */
  readonly batchWithinMs?: number;
  /** Frames per second to detect on, by camera; `*` for the others. */
  readonly maxFps: Readonly<Record<string, number | null>>;
  /** Encoders by camera. Absent where nobody keeps features. */
  readonly encoders?: Readonly<Record<string, readonly EncodingWish[]>>;
  /** Most frames per second of any camera that a featurizer sends. */
  readonly splitMaxFps: number;
  /** Activity gates. @default none: every frame is decoded */
  readonly gate?: GateSettings;
  /** The process is killed when it holds more. 0: half of the machine. @default 0 */
  readonly maxMemoryBytes?: number;
}

/** The root's message to a vision process: what is wanted of a camera now. */
export interface VisionMessage { readonly camera: CameraId; readonly limit: number | null; readonly encoders?: readonly EncodingWish[] }

/** Encoded parts in, terminal records out; or, split, one half of that. */
export async function visionRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as VisionSettings; // sent by the root of the same version
  ctx.limitMemory(options.maxMemoryBytes || halfOfMemory());
  const maxFps = new Map(Object.entries(options.maxFps));
  const encoders = options.encoders && cameraEncoders(options.model, new Map(Object.entries(options.encoders)), ctx);
  ctx.onMessage(message => {
    const { camera, limit, encoders: wanted } = message as VisionMessage; // sent by the root of the same version
    maxFps.set(camera, limit);
    if (wanted !== undefined) encoders?.want(camera, wanted);
  });
  const link = { clock: ctx.clock, random: ctx.random };
  const results = connectIpc({ ...link, path: options.storeSocket, backoffMs: 10, backoffMaxMs: 200 });
  const nodes: IpcNode[] = [results];
  const listen = async (): Promise<IpcNode> => {
    const node = await listenIpc({ ...link, path: options.socket, onError: error => ctx.log.warn({ error: String(error) }, 'link error') });
    nodes.unshift(node);
    serveStillPictures(node);
    return node;
  };
  const actors = await DUTIES[options.duty ?? 'fused'](options, { listen, results, maxFpsOf: camera => maxFps.get(camera) ?? maxFps.get('*') ?? null, ...encoders && { encoders: encoders.of } }, ctx);
  const failed = Promise.race(actors.map(async actor => {
    const exit = await ctx.system.supervise(actor, POLICIES.link).exit;
    if (exit.reason === 'escalated') throw exit.error;
    await new Promise(() => {}); // one that ended is no failure
  }));
  ctx.ready();
  await Promise.race([failed, untilAborted(ctx.signal)]);
  await ctx.system.stop();
  for (const node of nodes) await node.close();
}
