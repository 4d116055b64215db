import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import type { Random } from '../../src/engine/random.ts';
import type { RecordCodecs } from '../../src/messages/topics.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { ModelAccess } from '../gateway/backend.ts';
import type { PictureAccess } from '../gateway/live-access.ts';
import { POLICIES } from '../tree.ts';
import type { DeskAccess } from './camera-desks.ts';
import { GatewayNode, type NodePart } from './gateway-node.ts';
import { startIndexProcess, type IndexAccess } from './index-process.ts';
import { noteLifecycle } from './note-lifecycle.ts';
import { createSocketFolder, INDEX_NOTE, takeOverSockets } from './socket-folder.ts';

/** What the root of a gateway node is started with. */
export interface GatewayRootOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Recorder;
  /** A line of a child process. */
  readonly onLine: (process: string, line: string) => void;
  readonly node: KafkaNode;
  readonly codecs: Pick<RecordCodecs, 'cameras'>;
  /** The models of the cluster. */
  readonly models: ModelAccess;
  /** Cameras and detectors, where this node has such roles too. */
  readonly local?: NodePart;
  /** Those of the cameras that this node runs, where it has such a role too. */
  readonly desks?: DeskAccess | undefined;
  /** Vision processes of this node. @default none */
  readonly pictures?: PictureAccess | undefined;
}

/** A running gateway node. */
export interface GatewayRoot {
  readonly gateway: GatewayNode;
  readonly system: ActorSystem;
  /** Process ids by name. */
  pids(): Readonly<Record<string, number>>;
  /** Ends the index and what follows the cluster; the node's link to Kafka is its opener's. */
  stop(): Promise<void>;
}

/** Starts the index process, the list of cameras and what keeps both in view. Resolves when the index serves, brokers or not. */
export async function startGatewayNode(options: GatewayRootOptions): Promise<GatewayRoot> {
  const { config, clock, random, log, telemetry, onLine, node, codecs, models, local, desks, pictures } = options;
  const ending = new AbortController();
  const { signal } = ending;
  let index: IndexAccess | undefined;
  const system = createActorSystem({
    name: 'vto', clock, random,
    onEvent: event => {
      const noted = noteLifecycle(event, { log, clock, telemetry, isProcess: name => name === 'index' });
      void index?.store.putEvents([noted]).catch(() => { /* an index that is being replaced, or stopped, misses it */ });
    },
  });
  const data = resolve(config.data);
  await mkdir(data, { recursive: true, mode: 0o700 });
  const paths = { data, sockets: await createSocketFolder() };
  const stop = async (): Promise<void> => {
    ending.abort(new Error('the platform is stopping'));
    await system.stop();
    await index?.close();
    await rm(paths.sockets, { recursive: true, force: true });
  };
  try {
    index = await startIndexProcess({ config, paths, clock, random, system, onLine, signal });
    await takeOverSockets(data, paths.sockets, INDEX_NOTE); // the index owns its database now: no other run does
    const gateway = new GatewayNode({ config, node, codecs, index, models, desks, pictures, tree: () => system.report(), clock, log, telemetry, signal, ...(local === undefined ? {} : { local }) });
    system.supervise({ name: 'cameras', run: ctx => gateway.desired.run(ctx) }, POLICIES.cluster);
    system.supervise({ name: 'watch', run: () => gateway.run() }, POLICIES.cluster);
    return { gateway, system, stop, pids: () => (index?.pid === undefined ? {} : { index: index.pid }) };
  } catch (error) {
    await stop();
    throw error;
  }
}
