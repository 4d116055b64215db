import { checkSent, type Gap, type Kept, type Loss } from '../ledger-oracle.ts';
import { readCounter } from '../frame-counter.ts';
import type { NalCodec, NalFraming } from '../nal-units.ts';
import type { SentFrame } from '../rtsp-server.ts';
import { avroReader, TopicTail, type TailRecord } from './topic-tail.ts';

interface ChunkValue {
  readonly camera: string; readonly epoch: number;
  readonly parameters: { readonly codec: string; readonly framing: string };
  readonly units: readonly { readonly frameSeq: number; readonly capturedAt: number; readonly sizeBytes: number }[];
  readonly payload: Buffer;
}
interface RecordValue {
  readonly camera: string; readonly epoch: number; readonly from: number; readonly to: number;
  readonly dropped: { readonly reason: string } | null;
  readonly detected: { readonly ageMs: number; readonly boxes: readonly object[] } | null;
}
interface EventValue { readonly type: string; readonly camera: string | null; readonly from: number | null; readonly to: number | null; readonly reason: string | null; readonly state: string | null }

const READERS = { chunks: avroReader<ChunkValue>('chunks'), detections: avroReader<RecordValue>('detections'), events: avroReader<EventValue>('events') };

/** What the topics hold of one camera. */
interface CameraTruth {
  /** By `epoch/frameSeq`. */
  readonly frames: Map<string, Kept & { readonly counter: number | null }>;
  /** Terminal records of each frame: how often, and how it ended the last time. */
  readonly records: Map<string, { times: number; readonly end: string }>;
  readonly gaps: Gap[];
  partition: number;
}

/** What the oracle says of one camera; `problems` is empty when the ledger is true. */
export interface TopicVerdict {
  readonly camera: string;
  readonly problems: readonly string[];
  readonly partition: number;
  readonly sent: number;
  /** Counters that lie on Kafka. */
  readonly received: number;
  readonly losses: readonly Loss[];
  readonly detected: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** Frames without a record yet. */
  readonly pending: number;
  readonly epochs: number;
  /** Gap events that claim more than what is missing: frames lie on Kafka that were captured in them. */
  readonly overstated: number;
  /** Counters that two nodes recorded at the same time, while a camera moved. */
  readonly overlap: number;
}

/** What a lost node had recorded and not handed over yet comes when it is back, after the gap was told. */
const LATE_MICROS = 2e6;

/** Reads chunks, detections and events as a foreign client does (read_committed) and holds them against what the cameras say they sent. */
export class TopicOracle {
  readonly #cameras = new Map<string, CameraTruth>();
  readonly #chunks: TopicTail;
  readonly #detections: TopicTail;
  readonly #events: TopicTail;
  readonly #strangers: string[] = [];

  constructor(brokers: readonly string[], prefix: string, partitions: number) {
    this.#chunks = new TopicTail(brokers, `${prefix}.chunks`, partitions);
    this.#detections = new TopicTail(brokers, `${prefix}.detections`, partitions);
    this.#events = new TopicTail(brokers, `${prefix}.events`, partitions);
  }

  /** Takes in what was committed since the last call. Records before chunks: what a record speaks of was there before it. */
  async update(): Promise<void> {
    await this.#detections.read((record) => this.take('detections', record));
    await this.#events.read((record) => this.take('events', record));
    await this.#chunks.read((record) => this.take('chunks', record));
  }

  /** Takes in a record as it lies on Kafka. */
  take(topic: keyof typeof READERS, { value, partition, key }: TailRecord): void {
    if (value === undefined) return;
    switch (topic) {
      case 'chunks': this.#takeChunk(READERS.chunks(value), partition, key); return;
      case 'detections': this.#takeRecord(READERS.detections(value), partition); return;
      case 'events': this.#takeEvent(READERS.events(value));
    }
  }

  /** Bytes of each topic read so far. */
  get sizes(): { readonly chunks: number; readonly detections: number; readonly events: number } {
    return { chunks: this.#chunks.sizeBytes, detections: this.#detections.sizeBytes, events: this.#events.sizeBytes };
  }

  /** Frames of a camera that have a record. */
  recordCount(camera: string): number { return this.#of(camera).records.size; }

  /** Judges a camera by what was taken in. `isAtRest`: nothing may be pending, and nothing sent before the stop may be missing. */
  judge(camera: string, sent: readonly SentFrame[], { stoppedAtMicros, frameMs, isAtRest }: { readonly stoppedAtMicros: number; readonly frameMs: number; readonly isAtRest: boolean }): TopicVerdict {
    const problems = [...this.#strangers];
    const truth = this.#of(camera);
    const kept = new Map<number, Kept>();
    let overlap = 0;
    for (const { counter, ...frame } of truth.frames.values()) {
      if (counter === null) { problems.push(`frame ${frame.epoch}/${frame.frameSeq} bears no counter`); continue; }
      const other = kept.get(counter);
      if (other !== undefined) overlap += 1;
      if (other?.epoch === frame.epoch) problems.push(`counter ${counter} is twice in epoch ${frame.epoch}: ${other.frameSeq} and ${frame.frameSeq}`);
      if (other === undefined || other.epoch < frame.epoch) kept.set(counter, frame);
    }
    const losses = checkSent({ sent, stoppedAtMicros: isAtRest ? stoppedAtMicros : 0, frameMs, lateMicros: LATE_MICROS }, kept, truth.gaps, problems);
    return {
      camera, problems, losses, overlap, overstated: truth.gaps.filter((gap) => isOverstated(gap, kept)).length, partition: truth.partition, sent: new Set(sent.map(({ counter }) => counter)).size, received: kept.size,
      epochs: new Set([...truth.frames.values()].map(({ epoch }) => epoch)).size, ...checkRecords(truth, isAtRest, problems),
    };
  }

  #takeChunk(part: ChunkValue, partition: number, key: string): void {
    const truth = this.#of(part.camera);
    if (key !== part.camera) this.#strangers.push(`a part of ${part.camera} has the key ${key}`);
    if (truth.partition !== -1 && truth.partition !== partition) this.#strangers.push(`${part.camera} lies in partitions ${truth.partition} and ${partition}`);
    truth.partition = partition;
    let at = 0;
    for (const { frameSeq, capturedAt, sizeBytes } of part.units) {
      const bytes = part.payload.subarray(at, at += sizeBytes);
      const id = `${part.epoch}/${frameSeq}`;
      const counter = readCounter(bytes, part.parameters.framing as NalFraming, part.parameters.codec as NalCodec); // cameras of the rig send these only
      const known = truth.frames.get(id);
      if (known !== undefined && known.counter !== counter) this.#strangers.push(`frame ${part.camera}/${id} is counter ${known.counter} and counter ${counter}`);
      truth.frames.set(id, { epoch: part.epoch, frameSeq, capturedAt, counter });
    }
  }

  #takeRecord(record: RecordValue, partition: number): void {
    const truth = this.#of(record.camera);
    if (truth.partition !== -1 && truth.partition !== partition) this.#strangers.push(`a record of ${record.camera} lies in partition ${partition}, its chunks in ${truth.partition}`);
    if ((record.dropped === null) === (record.detected === null)) this.#strangers.push(`a record of ${record.camera}/${record.epoch}/${record.from} is neither detected nor dropped`);
    for (let seq = record.from; seq <= record.to; seq += 1) {
      const id = `${record.epoch}/${seq}`;
      truth.records.set(id, { times: (truth.records.get(id)?.times ?? 0) + 1, end: record.dropped?.reason ?? 'detected' });
    }
  }

  #takeEvent({ type, camera, from, to, reason }: EventValue): void {
    if (type === 'gap' && camera !== null && from !== null && to !== null) this.#of(camera).gaps.push({ from: from as Gap['from'], to: to as Gap['to'], reason: reason ?? '' });
  }

  #of(camera: string): CameraTruth {
    let truth = this.#cameras.get(camera);
    if (truth === undefined) this.#cameras.set(camera, truth = { frames: new Map(), records: new Map(), gaps: [], partition: -1 });
    return truth;
  }
}

/** Frames at the end of a session that pictures are reordered by, and those handed over late. */
const INSIDE_MAX = 10;

function isOverstated(gap: Gap, kept: ReadonlyMap<number, Kept>): boolean {
  return [...kept.values()].filter(({ capturedAt }) => capturedAt > gap.from && capturedAt < gap.to).length > INSIDE_MAX;
}

/** Ends of frames that may be without bytes on Kafka: they were in a hole, which the record says. */
const WITHOUT_CHUNK: readonly string[] = ['expired'];

function checkRecords({ frames, records }: CameraTruth, isAtRest: boolean, problems: string[]): Pick<TopicVerdict, 'detected' | 'dropped' | 'pending'> {
  const dropped: Record<string, number> = {};
  let detected = 0;
  const twice: string[] = [];
  const unbacked: string[] = [];
  for (const [id, { times, end }] of records) {
    if (times > 1) twice.push(id);
    if (end === 'detected') detected += 1;
    else dropped[end] = (dropped[end] ?? 0) + 1;
    if (!frames.has(id) && !WITHOUT_CHUNK.includes(end)) unbacked.push(id);
  }
  const pending = [...frames.keys()].filter((id) => !records.has(id));
  if (twice.length > 0) problems.push(`${twice.length} frames have several records under read_committed, the first is ${twice[0]}`);
  if (unbacked.length > 0) problems.push(`${unbacked.length} records are of frames that are not on Kafka, the first is ${unbacked[0]}`);
  if (isAtRest && pending.length > 0) problems.push(`${pending.length} frames on Kafka have no record: ${pending.slice(0, 5).join(' ')} … ${pending.at(-1)}`);
  for (const [epoch, hole] of holesOf(frames, records)) problems.push(`epoch ${epoch} lacks frame ${hole} on Kafka, and no record says why`);
  return { detected, dropped, pending: pending.length };
}

/** Frame numbers of an epoch count from 0 without a hole. */
function holesOf(frames: CameraTruth['frames'], records: CameraTruth['records']): readonly (readonly [number, number])[] {
  const last = new Map<number, number>();
  for (const { epoch, frameSeq } of frames.values()) last.set(epoch, Math.max(last.get(epoch) ?? 0, frameSeq));
  return [...last].flatMap(([epoch, to]) => {
    for (let seq = 0; seq <= to; seq += 1) if (!frames.has(`${epoch}/${seq}`) && !WITHOUT_CHUNK.includes(records.get(`${epoch}/${seq}`)?.end ?? '')) return [[epoch, seq] as const];
    return [];
  });
}
