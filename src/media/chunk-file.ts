import { open, truncate, type FileHandle } from 'node:fs/promises';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { decodeFragment, decodeHeader, producerMicros, type ChunkHeader, type Fragment } from './chunk-format.ts';
import type { MediaPacket, PacketReader } from './types.ts';

/** A fragment with its place in the file. */
interface PlacedFragment extends Fragment {
  /** Where the unit's bytes begin. */
  readonly payloadAt: number;
  /** Where the next fragment begins. */
  readonly end: number;
}

/** Longest head of a fragment: `prft`, `moof` and the head of `mdat`. */
const HEAD_BYTES = 32 + 104 + 8;
/** More than any header of ours: parameter sets are kilobytes. */
const HEADER_LIMIT = 1 << 20;
const BOX_HEAD = 8;

/**
 * Opens a chunk written by `createChunkWriter`, closed or still growing. `read` returns `undefined` at the last complete unit; when the
 * writer has added more, calling it again goes on. Time stamps are the source's, at one tick of the container a unit.
 * @throws PlatformError CHUNK_CORRUPT when the header is not complete or not ours
 */
export async function readChunkFile(path: string): Promise<PacketReader> {
  const handle = await open(path, 'r').catch((cause: unknown) => { throw new PlatformError('SOURCE_NOT_FOUND', `cannot open chunk ${path}`, { path }, cause); });
  try {
    const header = await readHeader(handle);
    if (header === undefined) throw new PlatformError('CHUNK_CORRUPT', `${path} does not begin with the header of a chunk`, { path });
    return new ChunkReader(handle, header.header, header.end);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Truncates a chunk to its last complete access unit: after kill -9 of the writer the tail may be torn. A file without a complete header
 * becomes empty.
 */
export async function cutTornTail(path: string): Promise<{ readonly cutBytes: number; readonly sizeBytes: number }> {
  const { end, sizeBytes } = await walk(path);
  if (end < sizeBytes) await truncate(path, end);
  return { cutBytes: sizeBytes - end, sizeBytes: end };
}

/** The number of complete access units in a chunk. */
export async function countFrames(path: string): Promise<number> {
  return (await walk(path)).frames;
}

async function walk(path: string): Promise<{ readonly frames: number; readonly end: number; readonly sizeBytes: number }> {
  const handle = await open(path, 'r');
  try {
    const sizeBytes = (await handle.stat()).size;
    let frames = 0;
    let end = (await readHeader(handle))?.end ?? 0;
    if (end === 0) return { frames, end, sizeBytes };
    for (;;) {
      const fragment = await readFragment(handle, end);
      if (fragment === undefined || fragment.end > sizeBytes) return { frames, end, sizeBytes };
      frames++;
      end = fragment.end;
    }
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function readHeader(handle: FileHandle): Promise<{ readonly header: ChunkHeader; readonly end: number } | undefined> {
  const ftyp = await readAt(handle, 0, BOX_HEAD);
  if (ftyp.length < BOX_HEAD || ftyp.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  const moovAt = ftyp.readUInt32BE(0);
  const moov = await readAt(handle, moovAt, BOX_HEAD);
  if (moov.length < BOX_HEAD || moov.toString('latin1', 4, 8) !== 'moov') return undefined;
  const end = moovAt + moov.readUInt32BE(0);
  if (end > HEADER_LIMIT) return undefined;
  const bytes = await readAt(handle, 0, end);
  const header = bytes.length < end ? undefined : decodeHeader(bytes);
  return header === undefined ? undefined : { header, end };
}

/** The fragment that begins at `from`; undefined when its head is not there or not ours. Its payload may still be incomplete. */
async function readFragment(handle: FileHandle, from: number): Promise<PlacedFragment | undefined> {
  const head = await readAt(handle, from, HEAD_BYTES);
  let at = 0;
  let capturedMicros: number | null = null;
  const boxAt = (type: string): Buffer | undefined => {
    if (at + BOX_HEAD > head.length || head.toString('latin1', at + 4, at + 8) !== type) return undefined;
    const size = head.readUInt32BE(at);
    return size < BOX_HEAD || at + size > head.length ? undefined : head.subarray(at + BOX_HEAD, at + size);
  };
  const prft = boxAt('prft');
  if (prft?.length === 24) {
    capturedMicros = producerMicros(prft);
    at += BOX_HEAD + prft.length;
  }
  const moof = boxAt('moof');
  const fragment = moof === undefined ? undefined : decodeFragment(moof);
  if (moof === undefined || fragment === undefined) return undefined;
  at += BOX_HEAD + moof.length;
  if (at + BOX_HEAD > head.length || head.toString('latin1', at + 4, at + 8) !== 'mdat' || head.readUInt32BE(at) !== fragment.sizeBytes + BOX_HEAD) return undefined;
  const payloadAt = from + at + BOX_HEAD;
  return { ...fragment, capturedMicros, payloadAt, end: payloadAt + fragment.sizeBytes };
}

class ChunkReader implements PacketReader {
  readonly parameters: StreamParameters;
  readonly durationSeconds = null;
  readonly #handle: FileHandle;
  readonly #shift: number;
  #at: number;
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(handle: FileHandle, header: ChunkHeader, at: number) {
    this.parameters = header.parameters;
    this.#handle = handle;
    this.#shift = header.shift;
    this.#at = at;
  }

  read(): Promise<MediaPacket | undefined> {
    const result = this.#reading.then(() => this.#readOne());
    this.#reading = result.catch(() => undefined);
    return result;
  }

  async #readOne(): Promise<MediaPacket | undefined> {
    if (this.#closing !== undefined) return undefined;
    const fragment = await readFragment(this.#handle, this.#at);
    if (fragment === undefined) return undefined;
    const payload = await readAt(this.#handle, fragment.payloadAt, fragment.sizeBytes);
    if (payload.length < fragment.sizeBytes) return undefined;
    this.#at = fragment.end;
    const dts = fragment.decodeTicks - this.#shift;
    return {
      data: payload, dts, pts: dts + fragment.compositionOffset, duration: fragment.duration, isKey: fragment.isKey, isCorrupt: false,
      cameraClockMicros: fragment.capturedMicros,
    };
  }

  /** A file never blocks. */
  interrupt(): void {}

  close(): Promise<void> {
    this.#closing ??= this.#reading.then(() => this.#handle.close());
    return this.#closing;
  }
}
