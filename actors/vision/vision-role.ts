import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { VisionRow } from '../../src/data-ops/camera-row.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
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
  /** What is wanted of the cameras that are known beforehand. @default none is */
  readonly cameras?: Readonly<Record<string, VisionRow>>;
  /** Shares of tenants in the time when there is not enough for all. @default 1 each */
  readonly tenants?: Readonly<Record<string, number>>;
  /** Most frames of several cameras that go through the model at once. @default 1 */
  readonly batchMax?: number;
  /** How long a frame may wait for others to go with, where that pays. @default 0 */
  readonly batchWithinMs?: number;
  /** Frames per second to detect on, of cameras that say nothing of it. null: all */
  readonly maxFps: number | null;
  /** True where somebody keeps the features that cameras want. @default false */
  readonly hasFeatures?: boolean;
  /** Most frames per second of any camera that a featurizer sends. */
  readonly splitMaxFps: number;
  /** Activity gates. @default none: every frame is decoded */
  readonly gate?: GateSettings;
  /** The process is killed when it holds more. 0: half of the machine. @default 0 */
  readonly maxMemoryBytes?: number;
}

/** The root's message to a vision process: what is wanted of a camera now; null: it is gone. */
export interface VisionMessage { readonly camera: CameraId; readonly row: VisionRow | null }

/** Encoded parts in, terminal records out; or, split, one half of that. */
export async function visionRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as VisionSettings; // sent by the root of the same version
  ctx.limitMemory(options.maxMemoryBytes || halfOfMemory());
  const rows = new Map(Object.entries(options.cameras ?? {}));
  const encoders = options.hasFeatures === true ? cameraEncoders(options.model, new Map([...rows].map(([camera, row]) => [camera, row.encoders ?? []])), ctx) : undefined;
  ctx.onMessage(message => {
    const { camera, row } = message as VisionMessage; // sent by the root of the same version
    if (row === null) rows.delete(camera);
    else rows.set(camera, row);
    encoders?.want(camera, row?.encoders ?? []);
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
  const actors = await DUTIES[options.duty ?? 'fused'](options, { listen, results, rowOf: camera => rows.get(camera), ...encoders && { encoders: encoders.of } }, ctx);
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
