import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, truncate } from 'node:fs/promises';
import type { ContentHashFactory } from '../../src/data-ops/archive/content-hash.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { ChunkWriter, MediaPacket, PacketReader } from '../../src/media/types.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { parameters as defaultParameters } from './archive-fixtures.ts';

/*
 * A framed format in place of MP4, so that tests of the archive need no native code:
 *   frame := length:u32 isKey:u8 pts:f64 dts:f64 duration:f64 bytes[length]
 */
const HEAD_BYTES = 29;

/** Switches of a fake writer, to make it fail or wait. */
export interface WriterFaults {
  onWrite?(writes: number): Promise<void> | void;
  onSync?(): Promise<void> | void;
}

/** Writes frames as they come. */
export async function createFramedWriter(path: string, faults: WriterFaults = {}): Promise<ChunkWriter> {
  const file: FileHandle = await open(path, 'wx');
  let sizeBytes = 0;
  let writes = 0;
  let isOpen = true;
  return {
    path,
    get sizeBytes() { return sizeBytes; },
    async write(unit) {
      writes += 1;
      await faults.onWrite?.(writes);
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUInt32LE(unit.data.byteLength, 0);
      head.writeUInt8(Number(unit.isKey), 4);
      [unit.pts ?? Number.NaN, unit.dts ?? Number.NaN, unit.duration].forEach((value, index) => head.writeDoubleLE(value, 5 + index * 8));
      await file.appendFile(Buffer.concat([head, unit.data]));
      sizeBytes += HEAD_BYTES + unit.data.byteLength;
    },
    async sync() {
      await faults.onSync?.();
      await file.datasync();
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await file.close();
    },
  };
}

/** Reads the whole frames of a framed file. A torn end is the end. */
export async function openFramedReader(path: string, parameters: StreamParameters = defaultParameters): Promise<PacketReader> {
  const bytes = await readFile(path);
  if (wholeBytes(bytes) === 0) throw new PlatformError('MEDIA_INVALID', `no frames in ${path}`);
  let at = 0;
  return {
    parameters, durationSeconds: null,
    async read(): Promise<MediaPacket | undefined> {
      if (at + HEAD_BYTES > bytes.length) return undefined;
      const length = bytes.readUInt32LE(at);
      if (at + HEAD_BYTES + length > bytes.length) return undefined;
      const [pts, dts, duration] = [5, 13, 21].map((offset) => bytes.readDoubleLE(at + offset)) as [number, number, number];
      const packet: MediaPacket = {
        data: new Uint8Array(bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)), isKey: bytes.readUInt8(at + 4) === 1, isCorrupt: false, cameraClockMicros: null,
        pts: Number.isNaN(pts) ? null : pts, dts: Number.isNaN(dts) ? null : dts, duration,
      };
      at += HEAD_BYTES + length;
      return packet;
    },
    interrupt() { at = bytes.length; },
    async close() { /* nothing native */ },
  };
}

/** Cuts an unfinished frame off the end; returns how many bytes. */
export async function cutFramedTail(path: string): Promise<number> {
  const bytes = await readFile(path);
  const whole = wholeBytes(bytes);
  await truncate(path, whole);
  return bytes.length - whole;
}

/** SHA-256 over the units, one after the other. */
export const hashUnits: ContentHashFactory = () => {
  const hash = createHash('sha256');
  return { update: (content) => { hash.update(content); }, digest: () => hash.digest('hex') };
};

function wholeBytes(bytes: Buffer): number {
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length && at + HEAD_BYTES + bytes.readUInt32LE(at) <= bytes.length) at += HEAD_BYTES + bytes.readUInt32LE(at);
  return at;
}
