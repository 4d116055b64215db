import avro from 'avsc';
import { PlatformError } from '../engine/errors.ts';
import { epochMicros, isCameraId } from '../engine/units.ts';
import type { AccessUnit } from './access-unit.ts';
import { avroSchema, compileAvro } from './avro-schema.ts';
import type { ChunkPart } from './chunk-part.ts';
import type { Codec, StreamParameters } from './stream-parameters.ts';

interface WireUnit {
  frameSeq: number; pts: number | null; dts: number | null; duration: number; isKey: boolean; isCorrupt: boolean;
  capturedAt: number; arrivedAt: number; sizeBytes: number;
}
interface WirePart {
  camera: string; epoch: number; chunkSeq: number; partSeq: number; chunkStartedAt: number;
  isOpenGop: boolean; isEpochEnd: boolean; isRecovered: boolean; isAccounted: boolean; feed: number;
  parameters: {
    codec: string; width: number; height: number; extradata: Buffer;
    timeBaseNum: number; timeBaseDen: number; framing: string; frameRate: number;
  };
  units: WireUnit[];
}

/** The record without its last field: what precedes the payload's length on the wire. */
function headType(): avro.Type {
  const schema = avroSchema('chunks') as avro.schema.RecordType; // the file holds one record
  return compileAvro({ ...schema, fields: schema.fields.slice(0, -1) });
}

const head = headType();

/**
 * Avro form of `vto.chunks`: `head` is every field but the payload, `payload` the units' bytes.
 * Head, payload length (zig-zag varint) and payload in a row are the complete Avro record.
 */
export const chunkPartCodec = {
  encode(part: ChunkPart): { readonly head: Uint8Array; readonly payload?: Uint8Array } {
    const { parameters: p } = part;
    const wire: WirePart = {
      camera: part.camera, epoch: part.epoch, chunkSeq: part.chunkSeq, partSeq: part.partSeq, chunkStartedAt: part.chunkStartedAt,
      isOpenGop: part.isOpenGop, isEpochEnd: part.isEpochEnd, isRecovered: part.isRecovered, isAccounted: part.isAccounted, feed: part.feed,
      parameters: {
        codec: p.codec, width: p.width, height: p.height, extradata: Buffer.from(p.extradata.buffer, p.extradata.byteOffset, p.extradata.byteLength),
        timeBaseNum: p.timeBase.num, timeBaseDen: p.timeBase.den, framing: p.framing, frameRate: p.frameRate,
      },
      units: part.units.map(unit => ({
        ...unit, pts: longOf(unit.pts), dts: longOf(unit.dts), duration: longOf(unit.duration) ?? 0, sizeBytes: unit.data.byteLength,
        capturedAt: Math.round(unit.capturedAt), arrivedAt: Math.round(unit.arrivedAt),
      })),
    };
    const only = part.units.length === 1 ? part.units[0] : undefined;
    return { head: head.toBuffer(wire), payload: only ? only.data : Buffer.concat(part.units.map(unit => unit.data)) };
  },

  /** @throws PlatformError LINK_INVALID when the bytes are not such a record */
  decode(bytes: Uint8Array, payload: Uint8Array): ChunkPart {
    const wire = decodeHead(bytes);
    const { parameters: p } = wire;
    if (!isCameraId(wire.camera)) throw new PlatformError('LINK_INVALID', `chunk part names no camera: '${wire.camera}'`);
    let offset = 0;
    const units: AccessUnit[] = wire.units.map(unit => {
      if (unit.sizeBytes < 0) throw new PlatformError('LINK_INVALID', `chunk part names a unit of ${unit.sizeBytes} bytes`);
      const view = payload.subarray(offset, offset + unit.sizeBytes);
      offset += unit.sizeBytes;
      return {
        frameSeq: unit.frameSeq, pts: unit.pts, dts: unit.dts, duration: unit.duration, isKey: unit.isKey, isCorrupt: unit.isCorrupt,
        capturedAt: epochMicros(unit.capturedAt), arrivedAt: epochMicros(unit.arrivedAt), data: view,
      };
    });
    if (offset !== payload.byteLength) throw new PlatformError('LINK_INVALID', `chunk part of ${payload.byteLength} bytes names ${offset}`);
    const parameters: StreamParameters = {
      codec: p.codec as Codec, framing: p.framing as StreamParameters['framing'], // written by encode from the same types
      width: p.width, height: p.height, extradata: p.extradata, timeBase: { num: p.timeBaseNum, den: p.timeBaseDen }, frameRate: p.frameRate,
    };
    return {
      camera: wire.camera, epoch: wire.epoch, chunkSeq: wire.chunkSeq, partSeq: wire.partSeq, chunkStartedAt: epochMicros(wire.chunkStartedAt),
      parameters, units, isOpenGop: wire.isOpenGop, isEpochEnd: wire.isEpochEnd, isRecovered: wire.isRecovered, isAccounted: wire.isAccounted, feed: wire.feed,
    };
  },
};

/** avsc reads longs below this otherwise than it was given them: its zig-zag form leaves the exact range of a double. */
const LONG_MIN = -(2 ** 52);

/** A time that survives the wire exactly; a damaged stream may name others, which are none. */
function longOf(time: number | null): number | null {
  return time !== null && Number.isInteger(time) && time > LONG_MIN && time < Number.MAX_SAFE_INTEGER ? time : null;
}

function decodeHead(bytes: Uint8Array): WirePart {
  try {
    return head.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as WirePart; // shaped by the schema
  } catch (cause) {
    throw new PlatformError('LINK_INVALID', `chunk part of ${bytes.byteLength} bytes is no such Avro record`, {}, cause);
  }
}
