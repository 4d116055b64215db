import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import type { AccessUnit } from './access-unit.ts';
import { cameraOf, linkCodec, rangeOf, type BodyMapping, type EventIdentity } from './body-mapping.ts';
import type { ChunkPart } from './chunk-part.ts';
import { WIRE_FORMATS, type AccessUnitWire, type ChunkPartWire, type SampleMeaningWire, type StreamParametersWire } from './generated/wire.ts';
import type { Codec, SampleMeaning, StreamParameters } from './stream-parameters.ts';

type Head = Omit<ChunkPartWire, 'payload'>;

/** How parts of chunks lie on the wire. */
export const CHUNK_PART: BodyMapping<ChunkPart, Head> = {
  wire: WIRE_FORMATS.chunks,
  toWire: (part) => ({
    camera: part.camera, epoch: part.epoch, chunkSeq: part.chunkSeq, partSeq: part.partSeq, chunkStartedAt: Math.round(part.chunkStartedAt),
    isOpenGop: part.isOpenGop, isEpochEnd: part.isEpochEnd, isRecovered: part.isRecovered, isAccounted: part.isAccounted, feed: part.feed,
    contentHash: part.contentHash ?? null, parameters: wireParameters(part.parameters), units: part.units.map(wireUnit),
  }),
  payloadOf: (part) => part.units.map(({ data }) => data),
  fromWire: (head, payload) => ({
    camera: cameraOf(head.camera), epoch: head.epoch, chunkSeq: head.chunkSeq, partSeq: head.partSeq, chunkStartedAt: epochMicros(head.chunkStartedAt),
    parameters: parametersOf(head.parameters), units: unitsOf(head.units, payload),
    isOpenGop: head.isOpenGop, isEpochEnd: head.isEpochEnd, isRecovered: head.isRecovered, isAccounted: head.isAccounted, feed: head.feed,
    ...head.contentHash !== null && { contentHash: head.contentHash },
  }),
  identify,
};

/** Avro form of chunk parts on a link. */
export const chunkPartCodec = linkCodec(CHUNK_PART);

function wireParameters(parameters: StreamParameters): StreamParametersWire {
  const { codec, width, height, extradata, timeBase, framing, frameRate, samples } = parameters;
  return {
    codec, width, height, extradata: Buffer.from(extradata.buffer, extradata.byteOffset, extradata.byteLength),
    timeBaseNum: timeBase.num, timeBaseDen: timeBase.den, framing, frameRate, samples: samples === undefined ? null : { ...samples, kelvinPerStep: samples.kelvinPerStep ?? null },
  };
}

function parametersOf(wire: StreamParametersWire): StreamParameters {
  return {
    codec: wire.codec as Codec, framing: wire.framing as StreamParameters['framing'], // open sets: who decodes refuses what it does not know
    width: wire.width, height: wire.height, extradata: wire.extradata, timeBase: { num: wire.timeBaseNum, den: wire.timeBaseDen }, frameRate: wire.frameRate,
    ...wire.samples !== null && { samples: meaningOf(wire.samples) },
  };
}

function meaningOf({ modality, metresPerStep, kelvinPerStep, range }: SampleMeaningWire): SampleMeaning {
  return { modality: modality as SampleMeaning['modality'], metresPerStep, ...kelvinPerStep !== null && { kelvinPerStep }, range: rangeOf(range) }; // an open set, as above
}

function wireUnit(unit: AccessUnit): AccessUnitWire {
  return {
    frameSeq: unit.frameSeq, pts: longOf(unit.pts), dts: longOf(unit.dts), duration: longOf(unit.duration) ?? 0, isKey: unit.isKey, isCorrupt: unit.isCorrupt,
    capturedAt: Math.round(unit.capturedAt), arrivedAt: Math.round(unit.arrivedAt), sizeBytes: unit.data.byteLength,
    isActivityHint: unit.isActivityHint === true, cameraClock: longOf(unit.cameraClock ?? null),
  };
}

function unitsOf(wires: readonly AccessUnitWire[], payload: Uint8Array): readonly AccessUnit[] {
  let offset = 0;
  const units = wires.map((unit) => {
    if (unit.sizeBytes < 0) throw new PlatformError('RECORD_INVALID', `chunk part names a unit of ${unit.sizeBytes} bytes`);
    const data = payload.subarray(offset, offset + unit.sizeBytes);
    offset += unit.sizeBytes;
    return {
      frameSeq: unit.frameSeq, pts: unit.pts, dts: unit.dts, duration: unit.duration, isKey: unit.isKey, isCorrupt: unit.isCorrupt,
      capturedAt: epochMicros(unit.capturedAt), arrivedAt: epochMicros(unit.arrivedAt), data,
      ...unit.isActivityHint && { isActivityHint: true as const }, ...unit.cameraClock !== null && { cameraClock: epochMicros(unit.cameraClock) },
    };
  });
  if (offset !== payload.byteLength) throw new PlatformError('RECORD_INVALID', `chunk part of ${payload.byteLength} bytes names ${offset}`);
  return units;
}

/** avsc reads longs below this otherwise than it was given them: its zig-zag form leaves the exact range of a double. */
const LONG_MIN = -(2 ** 52);

/** A time that survives the wire exactly; a damaged stream may name others, which are none. */
function longOf(time: number | null): number | null {
  return time !== null && Number.isInteger(time) && time > LONG_MIN && time < Number.MAX_SAFE_INTEGER ? time : null;
}

/** Parts may be cut anew when a chunk is sent again, so their frames belong to what they are. */
function identify(part: ChunkPart): EventIdentity {
  const [first, last] = [part.units[0], part.units.at(-1)];
  const frames = first && last ? `${first.frameSeq}-${last.frameSeq}` : 'end';
  return { id: `${part.camera}/${part.epoch}/${part.chunkSeq}.${part.partSeq}/${frames}`, at: first?.capturedAt ?? part.chunkStartedAt };
}
