import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';

/** What a host is measured on. */
export interface HostOrder {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly partitions: number;
  readonly cameras: number;
  readonly framesPerCamera: number;
  readonly framesPerPart: number;
  readonly unitBytes: number;
  readonly boxes: number;
  readonly commitIntervalMs: number;
  /** Absent: the topic is made and filled. */
  readonly run?: { readonly delivery: 'exactly-once' | 'at-least-once'; readonly group: string };
}

/** From the attachment of the vision process to the last commit; processor time of the host's process, brokers excluded. */
export interface HostResult { readonly records: number; readonly ms: number; readonly cpuMs: number; readonly transactions: number }

const GOP = 50;
const FRAME_MICROS = 40_000;

/** Parts of all cameras, one part of each camera a batch: as they lie on Kafka when cameras write at the same time. */
export function* hostParts({ cameras, framesPerCamera, framesPerPart, unitBytes }: HostOrder): Generator<readonly ChunkPart[]> {
  const bytes = new Uint8Array(unitBytes).fill(7);
  for (let first = 0; first < framesPerCamera; first += framesPerPart) {
    const chunkStart = Math.floor(first / GOP) * GOP;
    const units = Array.from({ length: Math.min(framesPerPart, framesPerCamera - first) }, (_, index) => {
      const frameSeq = first + index;
      const at = epochMicros(1_700_000_000_000_000 + frameSeq * FRAME_MICROS);
      return { data: bytes, pts: frameSeq, dts: frameSeq, duration: 1, isKey: frameSeq % GOP === 0, isCorrupt: false, capturedAt: at, arrivedAt: at, frameSeq };
    });
    yield Array.from({ length: cameras }, (_, camera) => ({
      camera: `bench-${camera}` as CameraId, epoch: 1, chunkSeq: chunkStart / GOP, partSeq: (first - chunkStart) / framesPerPart, chunkStartedAt: units[0]?.capturedAt ?? epochMicros(0),
      parameters: { codec: 'h264', width: 1280, height: 720, timeBase: { num: 1, den: 25 }, extradata: new Uint8Array(0), framing: 'annexb', frameRate: 25 },
      units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
    }));
  }
}
