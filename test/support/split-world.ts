import { join } from 'node:path';
import { featurizeTask } from '../../actors/host/featurize-task.ts';
import { featureDetectTask, featureLink } from '../../actors/host/feature-detect-task.ts';
import { Host } from '../../actors/host/host.ts';
import type { HostTask } from '../../actors/host/host-task.ts';
import { visionLink } from '../../actors/host/vision-link.ts';
import { ProcessActor } from '../../actors/process/child-process.ts';
import { POLICIES } from '../../actors/tree.ts';
import type { VisionDuty } from '../../actors/vision/duties.ts';
import type { VisionSettings } from '../../actors/vision/vision-role.ts';
import type { Ending, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import { featureTensorCodec } from '../../src/messages/feature-tensor-codec.ts';
import { fedFeatureCodec } from '../../src/messages/fed-feature-codec.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import { createLogger } from '../../src/utility-ops/log.ts';
import { createRecorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Codecs of all topics. */
export const CODECS = recordCodecs(fixedSchemaIds());

const LINK = { clock: systemClock, random: systemRandom };

/** A node of split vision: a host in this process, and one real vision process below it. */
export interface SplitNode { readonly actor: ProcessActor; readonly lines: readonly string[]; stop(): Promise<void> }

/** How the nodes of a world work. */
export interface SplitOptions { readonly kafka: KafkaNode; readonly prefix: string; readonly splitMaxFps: number }

/** A node with role featurizer. */
export function startFeaturizer(options: SplitOptions): Promise<SplitNode> {
  const { prefix } = options;
  return startNode('featurizer', options, (host, child, signal) => featurizeTask({
    group: `${prefix}.featurizer`, chunks: { topic: `${prefix}.chunks`, codec: CODECS.chunks }, features: { topic: `${prefix}.features`, codec: CODECS.features },
    detections: { topic: `${prefix}.detections`, codec: CODECS.detections }, maxRewindMs: 60_000,
    children: [visionLink(child.output('vto.chunks', chunkPartCodec, { maxItems: 64, maxBytes: 32 << 20 }), signal)],
    endings: [host.input('vto.features', featureTensorCodec, { maxItems: 64, maxBytes: 32 << 20 }), host.input('vto.detections', terminalRecordCodec, { maxItems: 64, maxBytes: 8 << 20 })] as never, // a featurizer's records are all of dropped frames
  }));
}

/** A node with role detector, on features. */
export function startDetector(options: SplitOptions): Promise<SplitNode> {
  const { prefix } = options;
  return startNode('detector', options, (host, child, signal) => featureDetectTask({
    group: `${prefix}.detector-features`, features: { topic: `${prefix}.features`, codec: CODECS.features }, detections: { topic: `${prefix}.detections`, codec: CODECS.detections }, maxRewindMs: 60_000,
    children: [featureLink(child.output('vto.features', fedFeatureCodec, { maxItems: 16, maxBytes: 32 << 20 }), signal)],
    endings: [host.input('vto.detections', terminalRecordCodec, { maxItems: 64, maxBytes: 8 << 20 })],
  }));
}

async function startNode<Part extends TrackedPart, Out extends Ending>(duty: VisionDuty, { kafka, prefix, splitMaxFps }: SplitOptions, makeTask: (host: IpcNode, child: IpcNode, signal: AbortSignal) => HostTask<Part, Out>): Promise<SplitNode> {
  const folder = temporaryFolder();
  const settings: VisionSettings = {
    duty, socket: join(folder, 'vision.sock'), storeSocket: join(folder, 'host.sock'), stalenessMs: 60_000, catchUpMs: 60_000, splitMaxFps, maxFps: null,
    model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] },
  };
  const stopping = new AbortController();
  const lines: string[] = [];
  const node = await listenIpc({ ...LINK, path: settings.storeSocket, onError: () => {} });
  const child = connectIpc({ ...LINK, path: settings.socket, backoffMs: 10, backoffMaxMs: 100 });
  const system = createActorSystem({ name: duty, ...LINK, onEvent: () => {} });
  const actor = new ProcessActor({ name: 'vision-0', role: 'vision', settings: () => settings, threadPoolSize: 4, clock: systemClock, stopMs: 2_000, onLine: (_name, line) => { lines.push(line); } });
  system.supervise(actor, POLICIES.process);
  const telemetry = createRecorder({ process: 'host', hasProcessMetrics: false });
  const host = new Host<Part, Out>({
    kafka, task: makeTask(node, child, stopping.signal), codecs: { positions: CODECS.positions, deadLetters: CODECS.deadLetters },
    ctx: { clock: systemClock, telemetry, log: createLogger({ level: 'debug', format: 'json', isTerminal: false, scrub: text => text, write: line => { lines.push(line); } }) },
    settings: { delivery: 'exactly-once', commitIntervalMs: 20, sessionTimeoutMs: 2_000, deadLetterTries: 3, positionsTopic: `${prefix}.positions`, deadLettersTopic: `${prefix}.dead-letters`, drainMs: 500, silentMs: 30_000 },
  });
  const running = host.run(stopping.signal);
  running.catch(() => { /* `stop` hears it */ });
  return {
    actor, lines,
    stop: async () => {
      stopping.abort();
      await running;
      await system.stop();
      await child.close();
      await node.close();
    },
  };
}
