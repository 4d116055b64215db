import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import { cameraOf, linkCodec, type BodyMapping } from './body-mapping.ts';
import { WIRE_FORMATS, type BoxWire, type DetectedWire, type TerminalRecordWire } from './generated/wire.ts';
import { DROP_REASONS, type Box, type DetectedRecord, type DropReason, type TerminalRecord } from './terminal-record.ts';

/** How terminal records lie on the wire. */
export const TERMINAL_RECORD: BodyMapping<TerminalRecord, TerminalRecordWire> = {
  wire: WIRE_FORMATS.detections,
  toWire(record) {
    const { camera, epoch } = record;
    const capturedAt = Math.round(record.capturedAt);
    if (record.kind === 'detected') return { camera, epoch, from: record.frameSeq, to: record.frameSeq, capturedAt, dropped: null, detected: wireDetected(record) };
    return { camera, epoch, from: record.from, to: record.to, capturedAt, dropped: { reason: record.reason, isIntentional: record.isIntentional }, detected: null };
  },
  payloadOf: () => [],
  fromWire(wire) {
    const base = { camera: cameraOf(wire.camera), epoch: wire.epoch, capturedAt: epochMicros(wire.capturedAt) };
    const { detected, dropped } = wire;
    if (detected && !dropped && wire.from === wire.to) return { kind: 'detected', ...base, frameSeq: wire.from, ...detectedOf(detected) };
    if (detected || !dropped || !isDropReason(dropped.reason)) throw new PlatformError('RECORD_INVALID', 'terminal record with no known outcome');
    return { kind: 'dropped', ...base, from: wire.from, to: wire.to, reason: dropped.reason, isIntentional: dropped.isIntentional };
  },
  identify: (record) => (record.kind === 'detected'
    ? { kind: 'detected', id: `${record.camera}/${record.epoch}/${record.frameSeq}`, at: record.capturedAt }
    : { kind: 'dropped', id: `${record.camera}/${record.epoch}/${record.from}-${record.to}`, at: record.capturedAt }),
};

/** Avro form of terminal records on a link. */
export const terminalRecordCodec = linkCodec(TERMINAL_RECORD);

function wireDetected({ ptsSeconds, width, height, model, modelDigest, provider, timings, boxes }: DetectedRecord): DetectedWire {
  const { decodeMs, waitMs, inferMs, ageMs } = timings;
  return { ptsSeconds, width, height, model, modelDigest, provider, decodeMs, waitMs, inferMs, ageMs, boxes: boxes.map(wireBox) };
}

function wireBox({ classId, label, score, x1, y1, x2, y2, trackId = null }: Omit<Box, 'trackId'> & { readonly trackId?: number | null }): BoxWire {
  return { classId, label, score, x1, y1, x2, y2, trackId };
}

type Outcome = Omit<DetectedRecord, 'kind' | 'camera' | 'epoch' | 'frameSeq' | 'capturedAt'>;

function detectedOf({ ptsSeconds, width, height, model, modelDigest, provider, decodeMs, waitMs, inferMs, ageMs, boxes }: DetectedWire): Outcome {
  return { ptsSeconds, width, height, boxes: boxes.map(boxOf), model, modelDigest, provider, timings: { decodeMs, waitMs, inferMs, ageMs } };
}

/** avsc makes instances of its own classes; plain objects compare and clone as expected. */
function boxOf({ classId, label, score, x1, y1, x2, y2, trackId }: BoxWire): Box {
  return { classId, label, score, x1, y1, x2, y2, ...(trackId === null ? {} : { trackId }) };
}

function isDropReason(reason: string): reason is DropReason {
  return Object.hasOwn(DROP_REASONS, reason);
}
