/**
 * Binary messages of `GET /api/v1/cameras/:id/live`. Little-endian:
 *
 *   offset  type  field
 *        0  u8    version: 1
 *        1  u8    flags: 1 key frame · 2 marked damaged by the demuxer · 4 units before it were left out · 8 initialisation segment of fMP4, no picture
 *        2  u16   bytes of this head: 56; more in a later version, which readers skip
 *        4  u32   frameSeq: with the epoch, the frame id of detections
 *        8  f64   epoch
 *       16  f64   pts, microseconds on the stream's own clock (that of `pts` of detections)
 *       24  f64   capturedAt, microseconds since 1970 UTC
 *       32  f64   arrivedAt, microseconds since 1970 UTC: when the bytes reached this machine
 *       40  f64   presentation time in microseconds on the time line of the fragments (fMP4); else the pts
 *       48  f64   duration, microseconds
 *       56  …     the encoded picture: length-prefixed NAL units, a raw unit, or a fragment
 */
export interface LiveHead {
  readonly isKey: boolean;
  readonly isCorrupt: boolean;
  readonly isAfterGap: boolean;
  readonly isInit: boolean;
  readonly frameSeq: number;
  readonly epoch: number;
  readonly pts: number;
  readonly capturedAt: number;
  readonly arrivedAt: number;
  readonly mediaTime: number;
  readonly duration: number;
}

/** Bytes before the encoded picture. */
export const LIVE_HEAD_BYTES = 56;

const VERSION = 1;
const FLAGS = { isKey: 1, isCorrupt: 2, isAfterGap: 4, isInit: 8 } as const;

/** Writes the head into `target`, which has room for LIVE_HEAD_BYTES. */
export function writeLiveHead(target: Uint8Array, head: LiveHead): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint8(0, VERSION);
  view.setUint8(1, Object.entries(FLAGS).reduce((flags, [name, bit]) => flags | (head[name as keyof typeof FLAGS] ? bit : 0), 0)); // keys of the table
  view.setUint16(2, LIVE_HEAD_BYTES, true);
  view.setUint32(4, head.frameSeq, true);
  [head.epoch, head.pts, head.capturedAt, head.arrivedAt, head.mediaTime, head.duration].forEach((value, index) => view.setFloat64(8 + index * 8, value, true));
}

/** Reads the head of a message. */
export function readLiveHead(message: Uint8Array): LiveHead {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint8(1);
  const field = (index: number): number => view.getFloat64(8 + index * 8, true);
  return {
    isKey: (flags & FLAGS.isKey) !== 0, isCorrupt: (flags & FLAGS.isCorrupt) !== 0, isAfterGap: (flags & FLAGS.isAfterGap) !== 0, isInit: (flags & FLAGS.isInit) !== 0,
    frameSeq: view.getUint32(4, true), epoch: field(0), pts: field(1), capturedAt: field(2), arrivedAt: field(3), mediaTime: field(4), duration: field(5),
  };
}
