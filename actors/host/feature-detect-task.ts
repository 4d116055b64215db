import { FeatureProgress } from '../../src/data-ops/progress/feature-progress.ts';
import type { Feeding, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import type { FedFeature, FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import type { RecordCodec } from '../../src/transports/kafka-types.ts';
import { valueOf, type DetectTaskOptions } from './detect-task.ts';
import type { ChildLink, HostTask } from './host-task.ts';

/** A feature as the host tracks it: one frame a record. */
export interface FeaturePart extends TrackedPart { readonly tensor: FeatureTensor }

/** What a detector node on features works with. */
export interface FeatureDetectTaskOptions extends Pick<DetectTaskOptions, 'group' | 'detections' | 'maxRewindMs' | 'endings'> {
  readonly features: { readonly topic: string; readonly codec: RecordCodec<FeatureTensor> };
  readonly children: readonly ChildLink<FeaturePart>[];
}

/** Features in, detections out: the second half of split vision. */
export function featureDetectTask({ group, features, detections, maxRewindMs, children, endings }: FeatureDetectTaskOptions): HostTask<FeaturePart, TerminalRecord> {
  return {
    group, topic: features.topic, isolation: 'committed', fetchBytes: 16 << 20, children, endings,
    decode(record) {
      const tensor = features.codec.decode(valueOf(record));
      const { camera, epoch, frameSeq, capturedAt, encoding } = tensor;
      return { camera, epoch, units: [{ frameSeq, isKey: encoding !== 'delta-zstd', capturedAt }], isEpochEnd: false, tensor };
    },
    learn: async record => await features.codec.learn?.(valueOf(record)) ?? false,
    createProgress: () => new FeatureProgress<FeaturePart, TerminalRecord>({ group, maxRewindMs }),
    encode: (record, partition) => ({
      topic: detections.topic, partition, key: record.camera, value: detections.codec.encode(record), headers: detections.codec.headers(record, record.camera),
    }),
  };
}

/** A vision process that takes features. */
export function featureLink(port: LinkOutPort<FedFeature>, signal: AbortSignal): ChildLink<FeaturePart> {
  return {
    room: until => port.room(until),
    feed({ part: { camera, tensor }, isAccounted, isRecovered, feed }: Feeding<FeaturePart>) {
      const body = { camera, tensor, isAccounted, isRecovered, feed };
      return port.push([{ body, key: camera, capturedAt: tensor.capturedAt, trace: '' }], signal);
    },
    onAttach: listener => port.onAttach(() => { port.discard(); listener(); }),
    depth: () => port.depth(),
  };
}
