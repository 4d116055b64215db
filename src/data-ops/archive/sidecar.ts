import { appendFileSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { type CameraId, type EpochMicros, epochMicros, isCameraId } from '../../engine/units.ts';
import type { AccessUnit } from '../../messages/access-unit.ts';
import { CODECS, type StreamParameters } from '../../messages/stream-parameters.ts';
import { writeFileAtomically } from './durable-file.ts';

/*
 * Beside each chunk lies a file of what MP4 cannot hold: when each frame was captured, and its times in the source's own time base.
 * Little-endian:
 *   header := "VTOIDX2\n" length:u32 crc32(json):u32 json[length]
 *   entry  := frameSeq:u32 flags:u32 capturedAt:f64 arrivedAt:f64 pts:f64 dts:f64 duration:f64 cameraClock:f64 sizeBytes:u32 crc32(the 60 bytes before):u32
 * flags: 1 key frame, 2 marked damaged by the demuxer. A null pts, dts or cameraClock is NaN. Files that begin with "VTOIDX1\n" have no cameraClock.
 * An entry is written before its frame, so that every frame in the chunk has one; where they disagree, the chunk is right.
 */
const MAGIC = Buffer.from('VTOIDX2\n');
const MAGIC_BEFORE = Buffer.from('VTOIDX1\n');
const PREFIX_BYTES = MAGIC.length + 8;
const ENTRY_BYTES = 64;
/** Of files without cameraClock. */
const ENTRY_BYTES_BEFORE = 56;
const KEY = 1;
const CORRUPT = 2;

/** What a sidecar says of its chunk as a whole. */
export interface SidecarHeader {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly chunkSeq: number;
  readonly startedAt: EpochMicros;
  readonly firstFrameSeq: number;
  readonly isOpenGop: boolean;
  /** As the source gave them; the chunk file's may differ in framing and time base. */
  readonly parameters: StreamParameters;
}

/** What a sidecar says of one frame: a unit without its bytes. */
export type SidecarEntry = Omit<AccessUnit, 'data' | 'parameters'> & { readonly sizeBytes: number };

/** Shape of stream parameters in JSON, `extradata` in base64. */
export const parametersJson = z.object({
  codec: z.enum(CODECS),
  width: z.number(), height: z.number(), extradata: z.base64(),
  timeBase: z.object({ num: z.number(), den: z.number() }),
  framing: z.enum(['annexb', 'length-prefixed', 'raw']), frameRate: z.number(),
  samples: z.object({ modality: z.enum(['depth', 'thermal']), metresPerStep: z.number().nullable(), kelvinPerStep: z.number().exactOptional(), range: z.tuple([z.number(), z.number()]).readonly().nullable() }).exactOptional(),
});

const headerJson = z.object({
  camera: z.string(), epoch: z.number(), chunkSeq: z.number(), startedAt: z.number(), firstFrameSeq: z.number(), isOpenGop: z.boolean(), parameters: parametersJson,
});

/** Stream parameters as JSON holds them. */
export function toParametersJson(parameters: StreamParameters): z.infer<typeof parametersJson> {
  return { ...parameters, extradata: Buffer.from(parameters.extradata).toString('base64') };
}

/** Appends the entries of one chunk that is being written. */
export class SidecarWriter {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) { this.#file = file; }

  /** Makes the file; fails when it exists. */
  static async create(path: string, header: SidecarHeader): Promise<SidecarWriter> {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(encodeHeader(header));
      return new SidecarWriter(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Gives the entries to the operating system. Synchronous: it costs a fraction of handing 64 bytes to another thread. */
  append(units: readonly AccessUnit[]): void {
    appendFileSync(this.#file.fd, encodeEntries(units.map((unit) => ({ ...unit, sizeBytes: unit.data.byteLength }))));
  }

  /** fdatasync. */
  async sync(): Promise<void> { await this.#file.datasync(); }

  async close(): Promise<void> { await this.#file.close(); }
}

/** The entries of a chunk, as far as they are whole. */
export class Sidecar {
  readonly header: SidecarHeader;
  readonly #entries: Buffer;
  readonly #entryBytes: number;

  constructor(header: SidecarHeader, entries: Buffer, entryBytes: number) {
    this.header = header;
    this.#entries = entries;
    this.#entryBytes = entryBytes;
  }

  get count(): number { return this.#entries.length / this.#entryBytes; }

  /** The entry of the chunk's frame number `index`, counted from 0; undefined past the end. */
  at(index: number): SidecarEntry | undefined {
    return index < this.count ? decodeEntry(this.#entries.subarray(index * this.#entryBytes, (index + 1) * this.#entryBytes)) : undefined;
  }
}

/** Reads a sidecar, also while it is written; a torn end is left out. Undefined when it is missing or its header is damaged. */
export async function readSidecar(path: string): Promise<Sidecar | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined || bytes.length < PREFIX_BYTES) return undefined;
  const entryBytes = entryBytesOf(bytes);
  if (entryBytes === undefined) return undefined;
  const start = PREFIX_BYTES + bytes.readUInt32LE(MAGIC.length);
  const json = bytes.subarray(PREFIX_BYTES, start);
  if (bytes.length < start || crc32(json) !== bytes.readUInt32LE(MAGIC.length + 4)) return undefined;
  const header = decodeHeader(json);
  return header === undefined ? undefined : new Sidecar(header, bytes.subarray(start, start + entryBytes * wholeEntries(bytes.subarray(start), entryBytes, header.firstFrameSeq)), entryBytes);
}

/** Replaces a sidecar by one with these entries. */
export async function rewriteSidecar(path: string, header: SidecarHeader, entries: readonly SidecarEntry[]): Promise<void> {
  await writeFileAtomically(path, Buffer.concat([encodeHeader(header), encodeEntries(entries)]));
}

function entryBytesOf(bytes: Buffer): number | undefined {
  const magic = bytes.subarray(0, MAGIC.length);
  return magic.equals(MAGIC) ? ENTRY_BYTES : magic.equals(MAGIC_BEFORE) ? ENTRY_BYTES_BEFORE : undefined;
}

function wholeEntries(bytes: Buffer, entryBytes: number, firstFrameSeq: number): number {
  let count = 0;
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes, count += 1) {
    if (bytes.readUInt32LE(at) !== firstFrameSeq + count) break;
    if (crc32(bytes.subarray(at, at + entryBytes - 4)) !== bytes.readUInt32LE(at + entryBytes - 4)) break;
  }
  return count;
}

function encodeHeader(header: SidecarHeader): Buffer {
  const json = Buffer.from(JSON.stringify({ ...header, parameters: toParametersJson(header.parameters) }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(json.length, MAGIC.length);
  prefix.writeUInt32LE(crc32(json), MAGIC.length + 4);
  return Buffer.concat([prefix, json]);
}

function decodeHeader(json: Buffer): SidecarHeader | undefined {
  const parsed = headerJson.safeParse(JSON.parse(json.toString()));
  if (!parsed.success || !isCameraId(parsed.data.camera)) return undefined;
  const { parameters, camera, startedAt, ...rest } = parsed.data;
  return { ...rest, camera, startedAt: epochMicros(startedAt), parameters: { ...parameters, extradata: new Uint8Array(Buffer.from(parameters.extradata, 'base64')) } };
}

function encodeEntries(entries: readonly SidecarEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * ENTRY_BYTES);
  entries.forEach((entry, index) => {
    const at = index * ENTRY_BYTES;
    bytes.writeUInt32LE(entry.frameSeq, at);
    bytes.writeUInt32LE((entry.isKey ? KEY : 0) | (entry.isCorrupt ? CORRUPT : 0), at + 4);
    [entry.capturedAt, entry.arrivedAt, entry.pts ?? Number.NaN, entry.dts ?? Number.NaN, entry.duration, entry.cameraClock ?? Number.NaN].forEach((value, field) => bytes.writeDoubleLE(value, at + 8 + field * 8));
    bytes.writeUInt32LE(entry.sizeBytes, at + ENTRY_BYTES - 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + ENTRY_BYTES - 4)), at + ENTRY_BYTES - 4);
  });
  return bytes;
}

function decodeEntry(entry: Buffer): SidecarEntry {
  const flags = entry.readUInt32LE(4);
  const optional = (value: number): number | null => Number.isNaN(value) ? null : value;
  const cameraClock = entry.length === ENTRY_BYTES ? optional(entry.readDoubleLE(48)) : null;
  return {
    frameSeq: entry.readUInt32LE(0), isKey: (flags & KEY) !== 0, isCorrupt: (flags & CORRUPT) !== 0,
    capturedAt: epochMicros(entry.readDoubleLE(8)), arrivedAt: epochMicros(entry.readDoubleLE(16)),
    pts: optional(entry.readDoubleLE(24)), dts: optional(entry.readDoubleLE(32)), duration: entry.readDoubleLE(40), sizeBytes: entry.readUInt32LE(entry.length - 8),
    ...cameraClock !== null && { cameraClock: epochMicros(cameraClock) },
  };
}
