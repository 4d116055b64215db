import type { GopReader, GopWanted } from '../../src/data-ops/feed/handover.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { KafkaNode, KafkaRecord, RecordCodec } from '../../src/transports/kafka-types.ts';

/** A place in a partition where a decoder can start. */
export interface GopStart {
  readonly partition: number;
  readonly offset: number;
  /** The key frame in the record there. */
  readonly frameSeq: number;
  /** Behind the last record that was fed. */
  readonly end: () => number;
}

/** What reads groups of pictures back from the chunks topic. */
export interface KafkaGopOptions {
  readonly kafka: Pick<KafkaNode, 'reader'>;
  readonly topic: string;
  readonly codec: Pick<RecordCodec<ChunkPart>, 'decode'>;
  readonly startOf: (camera: CameraId, epoch: number) => GopStart | undefined;
}

const FETCH_BYTES = 4 << 20;

/** Reads a camera's current group of pictures from Kafka, beside the reading that feeds vision processes. */
export function kafkaGop(options: KafkaGopOptions): GopReader {
  return wanted => readGop(options, wanted);
}

async function* readGop({ kafka, topic, codec, startOf }: KafkaGopOptions, wanted: GopWanted): AsyncGenerator<ChunkPart> {
  const start = startOf(wanted.camera, wanted.epoch);
  if (!start) return;
  const reader = kafka.reader(topic, { isolation: 'uncommitted', maxBytes: FETCH_BYTES });
  try {
    reader.seek(start.partition, start.offset);
    for (let next = start.offset; next < start.end();) {
      for (const { records, nextOffset } of await reader.read(wanted.signal)) {
        for (const record of records) yield* unitsOf(decoded(record, codec), wanted, start.frameSeq);
        next = nextOffset;
      }
    }
  } finally {
    await reader.close();
  }
}

/** Undefined for a record that cannot be read: the frames behind it are not asked for, as they do not follow those before it. */
function decoded({ value }: KafkaRecord, codec: Pick<RecordCodec<ChunkPart>, 'decode'>): ChunkPart | undefined {
  try {
    return value === null ? undefined : codec.decode(value);
  } catch {
    return undefined;
  }
}

function* unitsOf(part: ChunkPart | undefined, { camera, epoch }: GopWanted, from: number): Generator<ChunkPart> {
  if (part?.camera !== camera || part.epoch !== epoch) return;
  for (const [index, unit] of part.units.entries()) {
    if (unit.frameSeq >= from) yield { ...part, partSeq: part.partSeq + index, units: [unit], isEpochEnd: false };
  }
}
