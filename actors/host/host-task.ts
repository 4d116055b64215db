import type { InPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { Accepted, Ending, Feeding, TakeOver, Taken, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { Isolation, KafkaRecord, OutRecord } from '../../src/transports/kafka-types.ts';

/** How far one input partition is processed. `PartitionProgress` for encoded video; a task may bring another. */
export interface Progress<Part extends TrackedPart, Out extends Ending> {
  readonly inFlight: number;
  readonly waiting: number;
  readonly commitOffset: number;
  readonly oldestAtMs: number | undefined;
  readonly cameras: Iterable<CameraId>;
  start(from: TakeOver): number;
  rewind(cameras: Iterable<CameraId>, feed: number): number;
  passed(offset: number): void;
  accept(record: Accepted<Part>): readonly Feeding<Part>[];
  ended(out: Out | DroppedRecord): void;
  /** Endings alone, ahead of the next `take`: where they need not be in one transaction with it. */
  takeRecords(): readonly (Out | DroppedRecord)[];
  take(): Taken<Out | DroppedRecord, CameraPosition> | undefined;
  takeRepeats(): number;
  /** For decoders that hold frames back; see `PartitionProgress`. */
  flush?(camera: CameraId, isLeaving?: boolean): readonly Feeding<Part>[];
  mustStartOver?(part: Part): boolean;
  /** Where decoding has to start for the frame of the camera that is fed next. */
  gopStart?(camera: CameraId, epoch: number): { readonly offset: number; readonly frameSeq: number } | undefined;
  /** What was accepted last of the camera was not fed: its decoder cannot go on before the next key frame. */
  lose?(camera: CameraId): void;
}

/** A vision process as the host sees it: takes parts, is replaced now and then. */
export interface ChildLink<Part extends TrackedPart> {
  /** Resolves when more may be fed. */
  room(signal: AbortSignal): Promise<void>;
  /** Hands a part on at once. Resolves when the process is through with it, rejects when it is lost with the process: it is fed again then. */
  feed(feeding: Feeding<Part>): Promise<void>;
  /** Told when a process attached, or attached again: it knows nothing, and nothing that was fed before reaches it. */
  onAttach(listener: () => void): () => void;
  /** Another node has the camera now: nothing of it comes this way any more. */
  leave?(camera: CameraId): void;
  /** Parts that it has not taken over. */
  depth(): { readonly items: number; readonly bytes: number };
}

/** Work on the records of a topic: what differs between fused vision, featurizers and detectors on features. */
export interface HostTask<Part extends TrackedPart, Out extends Ending> {
  /** Consumer group and input topic, with their prefix. */
  readonly group: string;
  readonly topic: string;
  /** `committed` where the input is written in transactions. */
  readonly isolation: Isolation;
  /** Largest fetch in bytes. */
  readonly fetchBytes: number;
  /** Outputs of a partition that may wait for their transaction. @default WAITING_MAX */
  readonly waitingMax?: number;
  /** @throws PlatformError RECORD_INVALID, SCHEMA_UNKNOWN */
  decode(record: KafkaRecord): Part;
  /** Asks the registry for a schema that is not known. True: decode again. */
  learn?(record: KafkaRecord): Promise<boolean>;
  createProgress(): Progress<Part, Out>;
  /** The output record, for the partition the input came from. */
  encode(out: Out | DroppedRecord, partition: number): OutRecord;
  /** Records that go with an output, in its transaction. @default none */
  beside?(out: Out | DroppedRecord, partition: number): readonly OutRecord[];
  /** One per vision process. */
  readonly children: readonly ChildLink<Part>[];
  /** What the vision processes answer; acknowledged as soon as it is noted. */
  readonly endings: readonly InPort<Out>[];
}
