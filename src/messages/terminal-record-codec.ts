import { PlatformError } from '../engine/errors.ts';
import { epochMicros, isCameraId } from '../engine/units.ts';
import { avroSchema, compileAvro } from './avro-schema.ts';
import { DROP_REASONS, type Box, type DropReason, type TerminalRecord } from './terminal-record.ts';

interface WireRecord {
  camera: string; epoch: number; from: number; to: number; capturedAt: number;
  dropped: { reason: string; isIntentional: boolean } | null;
  detected: {
    ptsSeconds: number | null; width: number; height: number; model: string; modelDigest: string; provider: string;
    decodeMs: number; waitMs: number; inferMs: number; ageMs: number; boxes: readonly Box[];
  } | null;
}

const type = compileAvro(avroSchema('detections'));
const NO_PAYLOAD = new Uint8Array(0);

/** Avro form of `vto.detections`. */
export const terminalRecordCodec = {
  encode(record: TerminalRecord): { readonly head: Uint8Array; readonly payload?: Uint8Array } {
    const wire: WireRecord = record.kind === 'dropped'
      ? { ...key(record), from: record.from, to: record.to, dropped: { reason: record.reason, isIntentional: record.isIntentional }, detected: null }
      : { ...key(record), from: record.frameSeq, to: record.frameSeq, dropped: null, detected: { ...record, ...record.timings } };
    return { head: type.toBuffer(wire), payload: NO_PAYLOAD };
  },

  /** @throws PlatformError LINK_INVALID when the bytes are not such a record */
  decode(bytes: Uint8Array): TerminalRecord {
    const wire = decodeRecord(bytes);
    if (!isCameraId(wire.camera)) throw new PlatformError('LINK_INVALID', `terminal record names no camera: '${wire.camera}'`);
    const base = { camera: wire.camera, epoch: wire.epoch, capturedAt: epochMicros(wire.capturedAt) };
    if (wire.detected) {
      const { decodeMs, waitMs, inferMs, ageMs, boxes, ...detected } = wire.detected;
      // avsc makes instances of its own classes; plain objects compare and clone as expected.
      return { kind: 'detected', ...base, frameSeq: wire.from, ...detected, boxes: boxes.map(box => ({ ...box })), timings: { decodeMs, waitMs, inferMs, ageMs } };
    }
    if (!wire.dropped || !(wire.dropped.reason in DROP_REASONS)) throw new PlatformError('LINK_INVALID', 'terminal record with no known outcome');
    return { kind: 'dropped', ...base, from: wire.from, to: wire.to, reason: wire.dropped.reason as DropReason, isIntentional: wire.dropped.isIntentional };
  },
};

function key(record: TerminalRecord): { camera: string; epoch: number; capturedAt: number } {
  return { camera: record.camera, epoch: record.epoch, capturedAt: record.capturedAt };
}

function decodeRecord(bytes: Uint8Array): WireRecord {
  try {
    return type.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as WireRecord; // shaped by the schema
  } catch (cause) {
    throw new PlatformError('LINK_INVALID', `terminal record of ${bytes.byteLength} bytes is no such Avro record`, {}, cause);
  }
}
