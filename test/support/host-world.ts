import { detectTask } from '../../actors/host/detect-task.ts';
import { FeatureShelf } from '../../actors/host/feature-shelf.ts';
import type { ChildLink } from '../../actors/host/host-task.ts';
import { Host } from '../../actors/host/host.ts';
import type { HostSettings } from '../../actors/host/host-settings.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { InPort } from '../../src/engine/ports.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { DeadLetter } from '../../src/messages/dead-letter.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { KafkaNode, KafkaProducer, KafkaRecord, RecordCodec } from '../../src/transports/kafka-types.ts';
import { createLogger } from '../../src/utility-ops/log.ts';
import { createRecorder, type Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { parameters } from './archive-fixtures.ts';
import { FakeVision } from './fake-vision.ts';
import { v8Codec } from './v8-codec.ts';

export interface HostCodecs {
  readonly chunks: RecordCodec<ChunkPart>; readonly detections: RecordCodec<TerminalRecord>;
  readonly positions: RecordCodec<CameraPosition>; readonly deadLetters: RecordCodec<DeadLetter>;
}

export const v8Codecs = (): HostCodecs => ({ chunks: v8Codec(), detections: v8Codec(), positions: v8Codec(), deadLetters: v8Codec() });

/** What the topics of a test begin with. */
export interface Topics { readonly chunks: string; readonly detections: string; readonly positions: string; readonly deadLetters: string; readonly group: string }
export const topicsOf = (prefix: string): Topics => ({ chunks: `${prefix}.chunks`, detections: `${prefix}.detections`, positions: `${prefix}.positions`, deadLetters: `${prefix}.dead-letters`, group: `${prefix}.detector` });

export interface RunningHost { readonly host: Host<ChunkPart, TerminalRecord>; readonly visions: readonly FakeVision[]; readonly telemetry: Recorder; readonly lines: string[]; stop(): Promise<void>; readonly ended: Promise<void> }

/** Starts a host with fake vision processes, attached. */
export function startHost(kafka: KafkaNode, options: {
  readonly topics: Topics; readonly visions?: readonly FakeVision[]; readonly codecs?: HostCodecs; readonly maxRewindMs?: number; readonly settings?: Partial<HostSettings>;
  /** Vision processes bring features of every frame they detect on. */
  readonly featuresTopic?: string;
  /** Ways to vision processes. @default those of `visions` */
  readonly children?: readonly ChildLink<ChunkPart>[];
}): RunningHost {
  const { topics, visions = [new FakeVision()], codecs = v8Codecs(), featuresTopic } = options;
  const shelf = new FeatureShelf();
  const telemetry = createRecorder({ process: 'host', hasProcessMetrics: false });
  const stopping = new AbortController();
  const lines: string[] = [];
  const host = new Host<ChunkPart, TerminalRecord>({
    kafka, codecs,
    ctx: { clock: systemClock, telemetry, log: createLogger({ level: 'debug', format: 'json', isTerminal: false, scrub: text => text, write: line => { lines.push(line); } }) },
    task: detectTask({
      group: topics.group, chunks: { topic: topics.chunks, codec: codecs.chunks }, detections: { topic: topics.detections, codec: codecs.detections },
      maxRewindMs: options.maxRewindMs ?? 60_000, children: options.children ?? visions.map(vision => vision.link()), endings: visions.map(vision => (featuresTopic === undefined ? vision.endings : withFeatures(vision.endings, shelf))),
      ...featuresTopic !== undefined && { features: { topic: featuresTopic, codec: v8Codec<FeatureTensor>(), shelf } },
    }),
    settings: {
      delivery: 'exactly-once', commitIntervalMs: 10, sessionTimeoutMs: 1_000, deadLetterTries: 3, positionsTopic: topics.positions, deadLettersTopic: topics.deadLetters, drainMs: 300, silentMs: 30_000, ...options.settings,
    },
  });
  const ended = host.run(stopping.signal);
  ended.catch(() => { /* whoever waits for it hears it */ });
  for (const vision of visions) vision.attach();
  return { host, visions, telemetry, lines, ended, stop: async () => { stopping.abort(); await ended; } };
}

/** Encoders of the features that vision processes bring. */
export const FEATURE_ENCODERS = ['hog@1', 'lbp@1'] as const;

/** Endings whose detected frames have features, which are there first. */
function withFeatures(endings: InPort<TerminalRecord>, shelf: FeatureShelf): InPort<TerminalRecord> {
  return {
    async pull(max, signal) {
      const delivery = await endings.pull(max, signal);
      for (const { body } of delivery?.items ?? []) {
        if (body.kind === 'detected') for (const encoder of FEATURE_ENCODERS) shelf.put(featureOf(body, encoder));
      }
      return delivery;
    },
  };
}

/** A feature of a frame. */
export function featureOf({ camera, epoch, frameSeq }: Pick<FeatureTensor, 'camera' | 'epoch' | 'frameSeq'>, encoder: string): FeatureTensor {
  return {
    camera, epoch, frameSeq, capturedAt: epochMicros(1e15 + frameSeq), arrivedAt: epochMicros(1e15), ptsSeconds: null, modality: 'rgb', encoder, dtype: 'float32', shape: [1], geometry: null, decodeMs: 0,
    encoding: 'raw', baseSeq: -1, payload: new Uint8Array(4),
  };
}

/** A camera that writes its frames to Kafka, a few in each record. */
export class CameraWriter {
  readonly camera: CameraId;
  readonly #producer: KafkaProducer;
  readonly #topic: string;
  readonly #codec: RecordCodec<ChunkPart>;
  readonly #gop: number;
  readonly sent: ChunkPart[] = [];
  epoch = 1;
  next = 0;
  #chunkSeq = -1;
  #partSeq = 0;

  constructor(options: { readonly camera: string; readonly producer: KafkaProducer; readonly topic: string; readonly gop?: number; readonly codec?: RecordCodec<ChunkPart> }) {
    this.camera = options.camera as CameraId;
    this.#producer = options.producer;
    this.#topic = options.topic;
    this.#codec = options.codec ?? v8Codec();
    this.#gop = options.gop ?? 10;
  }

  /** Writes `count` frames in records of at most `perPart`. */
  async write(count: number, { perPart = 5, text = 'unit', isEnd = false }: { readonly perPart?: number; readonly text?: string; readonly isEnd?: boolean } = {}): Promise<void> {
    const parts: ChunkPart[] = [];
    for (let left = count; left > 0;) {
      const size = Math.min(perPart, left, this.#gop - this.next % this.#gop);
      left -= size;
      parts.push(this.#part(size, text, isEnd && left === 0));
    }
    if (count === 0) parts.push(this.#part(0, text, isEnd));
    await this.send(parts);
  }

  async send(parts: readonly ChunkPart[]): Promise<void> {
    this.sent.push(...parts);
    await this.#producer.send(parts.map(part => ({ topic: this.#topic, key: this.camera, value: this.#codec.encode(part) })));
  }

  /** The next frames belong to a new session. */
  begin(epoch: number): void { this.epoch = epoch; this.next = 0; this.#chunkSeq = -1; }

  #part(size: number, text: string, isEpochEnd: boolean): ChunkPart {
    if (size > 0 && this.next % this.#gop === 0) { this.#chunkSeq += 1; this.#partSeq = 0; }
    const units = Array.from({ length: size }, (_, index) => {
      const frameSeq = this.next + index;
      return { data: Buffer.from(text), pts: frameSeq, dts: frameSeq, duration: 1, isKey: frameSeq % this.#gop === 0, isCorrupt: false, capturedAt: epochMicros(frameSeq * 40_000), arrivedAt: epochMicros(frameSeq * 40_000), frameSeq };
    });
    this.next += size;
    this.#partSeq += 1;
    return {
      camera: this.camera, epoch: this.epoch, chunkSeq: this.#chunkSeq, partSeq: this.#partSeq - 1, chunkStartedAt: epochMicros(0), parameters, units,
      isOpenGop: false, isEpochEnd, isRecovered: false, isAccounted: false, feed: 0,
    };
  }
}

/** Everything committed to a topic so far. */
export async function readAll(kafka: KafkaNode, topic: string): Promise<readonly KafkaRecord[]> {
  const reader = kafka.reader(topic, { isolation: 'committed', maxBytes: 64 << 20 });
  const bounds = await kafka.bounds(topic);
  const open = new Map([...bounds].filter(([, { begin, end }]) => begin < end));
  for (const partition of open.keys()) reader.seek(partition, 'earliest');
  const records: KafkaRecord[] = [];
  while (open.size > 0) {
    for (const fetched of await reader.read(AbortSignal.timeout(10_000))) {
      records.push(...fetched.records);
      if (fetched.nextOffset >= (open.get(fetched.partition)?.end ?? 0)) open.delete(fetched.partition);
    }
  }
  await reader.close();
  return records;
}

/** How often each frame has a committed record, and why it was dropped. */
export async function ledgerOf(kafka: KafkaNode, topics: Topics, codec: RecordCodec<TerminalRecord> = v8Codec()): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly dropped: ReadonlyMap<string, string> }> {
  const counts = new Map<string, number>();
  const dropped = new Map<string, string>();
  for (const { value } of await readAll(kafka, topics.detections)) {
    const record = codec.decode(value ?? Buffer.alloc(0));
    const { from, to } = record.kind === 'dropped' ? record : { from: record.frameSeq, to: record.frameSeq };
    for (let frameSeq = from; frameSeq <= to; frameSeq += 1) {
      const key = `${record.camera}/${record.epoch}/${frameSeq}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      if (record.kind === 'dropped') dropped.set(key, record.reason);
    }
  }
  return { counts, dropped };
}

/** What is wrong with a ledger: frames that were sent and have not exactly one record. */
export function wrongOf(counts: ReadonlyMap<string, number>, writers: readonly CameraWriter[]): string[] {
  const wrong: string[] = [];
  const sent = new Set(writers.flatMap(({ sent: parts }) => parts.flatMap(part => part.units.map(({ frameSeq }) => `${part.camera}/${part.epoch}/${frameSeq}`))));
  for (const key of sent) if (counts.get(key) !== 1) wrong.push(`${key} has ${counts.get(key) ?? 0} records`);
  for (const key of counts.keys()) if (!sent.has(key)) wrong.push(`${key} was never sent`);
  return wrong;
}

/** Waits until every frame that was sent has a record. */
export async function untilLedger(kafka: KafkaNode, topics: Topics, writers: readonly CameraWriter[], limitMs = 10_000, codec: RecordCodec<TerminalRecord> = v8Codec()): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly dropped: ReadonlyMap<string, string> }> {
  const until = performance.now() + limitMs;
  for (;;) {
    const ledger = await ledgerOf(kafka, topics, codec);
    const wrong = wrongOf(ledger.counts, writers);
    if (wrong.every(each => !each.endsWith(' 0 records'))) return ledger;
    if (performance.now() > until) throw new PlatformError('TIMED_OUT', `after ${limitMs} ms: ${wrong.slice(0, 8).join('; ')} (${wrong.length})`);
    await new Promise<void>(resolve => { setTimeout(resolve, 10); });
  }
}
