import { reportError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import { GROUPS } from '../../src/data-ops/audit-topics.ts';
import type { GopWanted } from '../../src/data-ops/feed/handover.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fedFeatureCodec } from '../../src/messages/fed-feature-codec.ts';
import { featureTensorCodec } from '../../src/messages/feature-tensor-codec.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import { topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { IpcNode, LinkInPort } from '../../src/transports/ipc-types.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { gaugeQueues } from '../process/queue-gauges.ts';
import type { RoleContext } from '../process/role-process.ts';
import type { VisionDuty } from '../vision/duties.ts';
import type { Successors, SwitchMessage } from '../vision/switch-messages.ts';
import { VisionPorts } from '../vision/vision-ports.ts';
import { detectTask } from './detect-task.ts';
import { FeatureShelf } from './feature-shelf.ts';
import { featureDetectTask, featureLink } from './feature-detect-task.ts';
import { featurizeTask } from './featurize-task.ts';
import { Host, type HostOptions } from './host.ts';
import { kafkaGop, type KafkaGopOptions } from './kafka-gop.ts';
import { visionLink } from './vision-link.ts';

/** What a host process does, without how it reaches Kafka. */
export interface HostDuty {
  /** The same as that of the vision processes below it. */
  readonly duty: VisionDuty;
  /** Where vision processes bring their results; they take it for the store. */
  readonly socket: string;
  readonly visionSockets: readonly string[];
  /** Vision processes that cameras are going over to. */
  readonly successors?: Successors | undefined;
  readonly kafka: Config['kafka'];
  readonly maxRewindMs: number;
}

/** Consumer group of each duty, after the prefix. */
export const HOST_GROUPS: Readonly<Record<VisionDuty, string>> = { fused: GROUPS.detector, featurizer: GROUPS.featurizer, detector: GROUPS.detectorOnFeatures };

/** What the vision processes get to answer when the node stops. */
const DRAIN_MS = 600;
const SILENT_MS = 30_000;
/** Units that one vision process has not taken over yet. */
const TO_VISION = { maxItems: 4_096, maxBytes: 64 << 20 } as const;
/** Pictures are large. */
const TO_DETECTOR = { maxItems: 512, maxBytes: 128 << 20 } as const;
const FROM_VISION = { maxItems: 8_192, maxBytes: 64 << 20 } as const;

interface Serving { readonly options: HostDuty; readonly kafka: KafkaNode; readonly codecs: RecordCodecs; readonly node: IpcNode; readonly closing: AbortSignal; readonly parts: VisionPorts | undefined; readonly features: readonly IpcNode[] }

/** Works until the process is told to end. What vision processes bring is taken from the beginning, also while nothing else is there. */
export async function serveHost(options: HostDuty, { kafka, codecs }: { readonly kafka: KafkaNode; readonly codecs: Promise<RecordCodecs> }, ctx: RoleContext): Promise<void> {
  const link = { clock: ctx.clock, random: ctx.random };
  const closing = new AbortController();
  const node = await listenIpc({ ...link, path: options.socket, onError: error => ctx.log.warn({ error: String(error) }, 'link error') });
  const features = options.duty === 'detector' ? options.visionSockets.map(path => connectIpc({ ...link, path, backoffMs: 10, backoffMaxMs: 200 })) : [];
  let host: Running | undefined;
  const parts = options.duty === 'detector' ? undefined : openParts(options, { kafka, codecs, startOf: (camera, epoch) => host?.gopStart(camera, epoch) }, ctx);
  try {
    ctx.ready();
    const known = await Promise.race([codecs, untilAborted(ctx.signal)]);
    if (!known) return;
    host = HOSTINGS[options.duty]({ options, kafka, codecs: known, node, closing: closing.signal, parts, features }, ctx);
    await host.run(ctx.signal);
  } finally {
    closing.abort();
    await Promise.all([node, ...parts ? [parts] : [], ...features].map(each => each.close()));
  }
}

interface GopSource { readonly kafka: KafkaNode; readonly codecs: Promise<RecordCodecs>; readonly startOf: KafkaGopOptions['startOf'] }

/** The ways to vision processes that take encoded video. They are replaced below the consumer group, which hears nothing of it. */
function openParts(options: HostDuty, { kafka, codecs, startOf }: GopSource, ctx: RoleContext): VisionPorts {
  async function* gopOf(wanted: GopWanted): AsyncGenerator<ChunkPart> {
    yield* kafkaGop({ kafka, topic: topicName(options.kafka.topicPrefix, 'chunks'), codec: (await codecs).chunks, startOf })(wanted);
  }
  const parts = new VisionPorts({ sockets: options.visionSockets, bounds: TO_VISION, gopOf }, ctx);
  ctx.onMessage(message => parts.receive(message as SwitchMessage)); // sent by the root of the same version
  if (options.successors) parts.receive({ type: 'switch', ...options.successors });
  return parts;
}

type Running = Pick<Host<never, never>, 'run' | 'gopStart'>;

/** The host of each duty. */
const HOSTINGS: Readonly<Record<VisionDuty, (serving: Serving, ctx: RoleContext) => Running>> = {
  fused(serving, ctx) {
    const { codecs, node, closing } = serving;
    const shelf = new FeatureShelf();
    shelf.fill(node.input('vto.features', featureTensorCodec, FROM_VISION), closing).catch((error: unknown) => {
      if (!closing.aborted) ctx.log.error({ error: reportError(error) }, 'features are not taken any more');
    });
    return new Host({
      ...hostOptions(serving, ctx),
      task: detectTask({
        ...chunksOf(serving, ctx), detections: { topic: topicOf(serving, 'detections'), codec: codecs.detections }, endings: [node.input('vto.detections', terminalRecordCodec, FROM_VISION)],
        features: { topic: topicOf(serving, 'features'), codec: codecs.features, shelf },
      }),
    });
  },

  featurizer(serving, ctx) {
    const { codecs, node } = serving;
    return new Host({
      ...hostOptions(serving, ctx),
      task: featurizeTask({
        ...chunksOf(serving, ctx),
        features: { topic: topicOf(serving, 'features'), codec: codecs.features }, detections: { topic: topicOf(serving, 'detections'), codec: codecs.detections },
        // A featurizer sends no other terminal records than those of dropped frames.
        endings: [node.input('vto.features', featureTensorCodec, FROM_VISION), node.input('vto.detections', terminalRecordCodec, FROM_VISION) as LinkInPort<DroppedRecord>],
      }),
    });
  },

  detector(serving, ctx) {
    const { options, codecs, node, features, closing } = serving;
    const ports = features.map(vision => vision.output('vto.features', fedFeatureCodec, TO_DETECTOR));
    gaugeQueues(Object.fromEntries(ports.map((port, index) => [`vision-${index}`, port])), ctx);
    return new Host({
      ...hostOptions(serving, ctx),
      task: featureDetectTask({
        group: groupOf(options), maxRewindMs: options.maxRewindMs, children: ports.map(port => featureLink(port, closing)),
        features: { topic: topicOf(serving, 'features'), codec: codecs.features }, detections: { topic: topicOf(serving, 'detections'), codec: codecs.detections },
        endings: [node.input('vto.detections', terminalRecordCodec, FROM_VISION)],
      }),
    });
  },
};

type Shared = Pick<HostOptions<never, never>, 'kafka' | 'settings' | 'codecs' | 'ctx'>;

function hostOptions({ options, kafka, codecs }: Serving, ctx: RoleContext): Shared {
  const { topicPrefix, delivery, commitIntervalMs, sessionTimeoutMs, deadLetterTries } = options.kafka;
  return {
    kafka, codecs, ctx,
    settings: {
      delivery, commitIntervalMs, sessionTimeoutMs, deadLetterTries, drainMs: DRAIN_MS, silentMs: SILENT_MS,
      positionsTopic: topicName(topicPrefix, 'positions'), deadLettersTopic: topicName(topicPrefix, 'dead-letters'),
    },
  };
}

function chunksOf(serving: Serving, ctx: RoleContext): Omit<Parameters<typeof detectTask>[0], 'detections' | 'endings' | 'features'> {
  const { options, codecs, parts, closing } = serving;
  const ports = parts?.ports ?? [];
  gaugeQueues(Object.fromEntries(ports.map((port, index) => [`vision-${index}`, port])), ctx);
  return {
    group: groupOf(options), chunks: { topic: topicOf(serving, 'chunks'), codec: codecs.chunks }, maxRewindMs: options.maxRewindMs,
    children: ports.map(port => visionLink(port, closing)),
  };
}

function groupOf({ kafka, duty }: HostDuty): string { return `${kafka.topicPrefix}.${HOST_GROUPS[duty]}`; }

function topicOf({ options }: Serving, topic: Parameters<typeof topicName>[1]): string { return topicName(options.kafka.topicPrefix, topic); }
