import type avro from 'avsc';
import { PlatformError } from '../engine/errors.ts';
import type { BodyMapping } from './body-mapping.ts';
import { CAMERA_POSITION } from './camera-position-codec.ts';
import type { ChunkPart } from './chunk-part.ts';
import { CHUNK_PART } from './chunk-part-codec.ts';
import { cloudEventHeaders, type EventOrigin } from './cloud-event.ts';
import { DEAD_LETTER } from './dead-letter-codec.ts';
import type { DeadLetter } from './dead-letter.ts';
import { DESIRED_CAMERA } from './desired-camera-codec.ts';
import type { DesiredCamera } from './desired-camera.ts';
import { DESIRED_MODEL } from './desired-model-codec.ts';
import type { DesiredModel } from './desired-model.ts';
import { FEATURE_TENSOR } from './feature-tensor-codec.ts';
import type { FeatureTensor } from './feature-tensor.ts';
import { PLATFORM_EVENT } from './platform-event-codec.ts';
import type { PlatformEvent } from './platform-event.ts';
import type { CameraPosition } from './position.ts';
import type { RecordCodec } from './record-codec.ts';
import { currentSchema, type SchemaIds } from './schema-ids.ts';
import type { TopicName } from './schema-history.ts';
import { TERMINAL_RECORD } from './terminal-record-codec.ts';
import type { TerminalRecord } from './terminal-record.ts';
import { FRAMING_BYTES, type WriterSchema } from './wire-format.ts';

/** One kind of records on Kafka. */
export interface Topic {
  readonly name: TopicName;
  /** Below `schemas/avro`. */
  readonly schema: string;
  readonly key: string;
  /** `compact`: the newest record of each key stays for good; `delete`: records go when they are old. */
  readonly cleanup: 'delete' | 'compact';
  readonly what: string;
}

/** Every topic. The partition is chosen by the camera, also where the key is another, so that a camera has the same number in each. */
export const TOPICS: readonly Topic[] = [
  { name: 'chunks', schema: 'chunks.avsc', key: 'camera', cleanup: 'delete', what: 'Encoded video: parts of chunks.' },
  { name: 'features', schema: 'features.avsc', key: 'camera', cleanup: 'delete', what: 'What encoders made of frames: features that cameras want, or pictures where featurizers and detectors are apart.' },
  { name: 'detections', schema: 'detections.avsc', key: 'camera', cleanup: 'delete', what: 'How each received frame ended: detected or dropped.' },
  { name: 'events', schema: 'events.avsc', key: 'camera or node', cleanup: 'delete', what: 'What happened to cameras and processes.' },
  { name: 'cameras', schema: 'cameras.avsc', key: 'camera', cleanup: 'compact', what: 'The cameras that are wanted.' },
  { name: 'models', schema: 'models.avsc', key: 'active', cleanup: 'compact', what: 'The model that detectors are to run.' },
  { name: 'positions', schema: 'positions.avsc', key: 'group/camera', cleanup: 'compact', what: 'How far each consumer group got with each camera.' },
  { name: 'dead-letters', schema: 'dead-letters.avsc', key: 'key of the record', cleanup: 'delete', what: 'Records that could not be processed.' },
];

/** Name of a topic on the brokers. */
export function topicName(prefix: string, topic: TopicName): string {
  return `${prefix}.${topic}`;
}

/** Subject of a topic's schema in a Schema Registry (TopicNameStrategy). Keys are plain text and have none. */
export function subjectName(prefix: string, topic: TopicName): string {
  return `${topicName(prefix, topic)}-value`;
}

/** The codec of each topic's records. */
export interface RecordCodecs {
  readonly chunks: RecordCodec<ChunkPart>;
  readonly features: RecordCodec<FeatureTensor>;
  readonly detections: RecordCodec<TerminalRecord>;
  readonly events: RecordCodec<PlatformEvent>;
  readonly cameras: RecordCodec<DesiredCamera>;
  readonly models: RecordCodec<DesiredModel>;
  readonly positions: RecordCodec<CameraPosition>;
  readonly deadLetters: RecordCodec<DeadLetter>;
}

/** Codecs that write current schemas under the ids given, and read every schema that the ids know and ours can be read from. `prefix`: that of the topics, for `ce_source`. */
export function recordCodecs(ids: SchemaIds, prefix = 'vto'): RecordCodecs {
  return {
    chunks: recordCodec('chunks', CHUNK_PART, ids, prefix),
    features: recordCodec('features', FEATURE_TENSOR, ids, prefix),
    detections: recordCodec('detections', TERMINAL_RECORD, ids, prefix),
    events: recordCodec('events', PLATFORM_EVENT, ids, prefix),
    cameras: recordCodec('cameras', DESIRED_CAMERA, ids, prefix),
    models: recordCodec('models', DESIRED_MODEL, ids, prefix),
    positions: recordCodec('positions', CAMERA_POSITION, ids, prefix),
    deadLetters: recordCodec('dead-letters', DEAD_LETTER, ids, prefix),
  };
}

function recordCodec<Body, Head>(topic: TopicName, mapping: BodyMapping<Body, Head>, ids: SchemaIds, prefix: string): RecordCodec<Body> {
  const { wire } = mapping;
  const writers = new Map<number, WriterSchema>();
  const { schema } = currentSchema(topic);
  const origin: EventOrigin = { source: `/${prefix}/${topic}`, type: `${schema.namespace ?? ''}.${schema.name}` };

  function writerOf(id: number): WriterSchema {
    const known = writers.get(id);
    if (known) return known;
    const resolved = resolveWriter(topic, mapping, id, ids.schemaOf(topic, id));
    writers.set(id, resolved);
    return resolved;
  }

  return {
    encode: (body) => wire.encodeFramed(ids.idOf(topic), mapping.toWire(body), mapping.payloadOf(body)),
    decode(value) {
      const id = schemaIdOf(topic, value);
      const { head, payload } = id === ids.idOf(topic) ? wire.decodeFramed(value) : wire.decodeFramed(value, writerOf(id));
      return mapping.fromWire(head, payload);
    },
    async learn(value) {
      return await ids.learn?.(topic, schemaIdOf(topic, value)) ?? false;
    },
    headers: (body, key) => cloudEventHeaders(origin, mapping.identify(body), key),
  };
}

function resolveWriter<Body, Head>(topic: TopicName, { wire }: BodyMapping<Body, Head>, id: number, schema: avro.schema.RecordType | undefined): WriterSchema {
  if (schema === undefined) throw new PlatformError('SCHEMA_UNKNOWN', `${topic} record with schema id ${id}, which is not known`, { topic, schemaId: id });
  try {
    return wire.resolve(schema);
  } catch (cause) {
    throw new PlatformError('SCHEMA_UNKNOWN', `${topic} record with schema id ${id}, which cannot be read as ours`, { topic, schemaId: id }, cause);
  }
}

/** The schema id in front of a value. @throws PlatformError RECORD_INVALID when there is none */
function schemaIdOf(topic: TopicName, value: Buffer): number {
  if (value.byteLength < FRAMING_BYTES || value[0] !== 0) throw new PlatformError('RECORD_INVALID', `${topic} record of ${value.byteLength} bytes does not begin with a schema id`);
  return value.readUInt32BE(1);
}
