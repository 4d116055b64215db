import { open, type FileHandle } from 'node:fs/promises';
import { writevSync } from 'node:fs';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { encodeFragmentHead, encodeHeader, ticksOf, type Fragment } from './chunk-format.ts';
import { inBandParameterSets, joinParameterSets, nalUnits } from './nal.ts';
import { sampleDescription } from './sample-entry.ts';
import type { ChunkWriter } from './types.ts';

type WrittenUnit = Parameters<ChunkWriter['write']>[0];

/** File name extension of chunks of this stream, with the dot. Every codec we record fits into MP4. */
export function chunkExtension(_parameters: StreamParameters): string {
  return '.mp4';
}

/**
 * Starts a chunk file at `path`, which must not exist. Header and first unit reach the file together with the first `write`.
 *
 * The container holds the stream's NAL units with length prefixes. Its presentation begins at 0 and goes on as the source's; its decode times too, as long as
 * they rise: a missing, repeated or falling one is stored as one tick more than the one before. No unit is ever refused for its times.
 * Calls to `write` must not overlap.
 * @throws PlatformError RECORDING_FAILED when the file cannot be created
 */
export async function createChunkWriter(path: string, parameters: StreamParameters): Promise<ChunkWriter> {
  try {
    return new FragmentWriter(path, await open(path, 'wx'), parameters);
  } catch (error) {
    throw failed(path, error);
  }
}

function failed(path: string, cause: unknown): PlatformError {
  return new PlatformError('RECORDING_FAILED', `cannot write chunk ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { path }, cause);
}

const INT32_LIMIT = 2 ** 31;
/** Buffers of one `writev` (IOV_MAX is 1024 on Linux and macOS). */
const VECTOR_LIMIT = 512;

class FragmentWriter implements ChunkWriter {
  readonly path: string;
  sizeBytes = 0;
  readonly #handle: FileHandle;
  readonly #parameters: StreamParameters;
  #shift: number | undefined;
  #lastDecode = -1;
  #lastDuration = 1;
  #sequence = 0;
  #closing: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, parameters: StreamParameters) {
    this.path = path;
    this.#handle = handle;
    this.#parameters = parameters;
  }

  async write(unit: WrittenUnit): Promise<void> {
    if (this.#closing !== undefined) throw failed(this.path, new Error('the writer is closed'));
    const parts: Uint8Array[] = [];
    if (this.#shift === undefined) parts.push(await this.#header(unit));
    const payload = this.#payloadOf(unit.data);
    const fragment = this.#place(unit, payload.reduce((sum, part) => sum + part.length, 0));
    parts.push(encodeFragmentHead(fragment), ...payload);
    try {
      this.sizeBytes += writeWhole(this.#handle.fd, parts, this.sizeBytes);
    } catch (error) {
      await this.#handle.truncate(this.sizeBytes).catch(() => undefined); // the disk may be what fails; the next start cuts the tail
      throw failed(this.path, error);
    }
    this.#sequence = fragment.sequence;
    this.#lastDecode = fragment.decodeTicks;
    this.#lastDuration = fragment.duration || 1;
  }

  async #header(unit: WrittenUnit): Promise<Buffer> {
    const needsSets = this.#parameters.extradata.length === 0 && this.#parameters.framing === 'annexb';
    const extradata = needsSets ? joinParameterSets(this.#parameters.codec, inBandParameterSets(unit.data, this.#parameters)) : this.#parameters.extradata;
    const parameters = { ...this.#parameters, extradata };
    const first = wantedDecodeTicks(unit, parameters) ?? 0;
    this.#shift = 0 - first; // never -0
    const compositionOffset = unit.pts === null ? 0 : ticksOf(unit.pts, parameters) - first;
    return encodeHeader(parameters, await sampleDescription(parameters), { shift: this.#shift, compositionOffset: compositionOffset < INT32_LIMIT ? compositionOffset : 0 });
  }

  /** Length-prefixed and raw units as they are; Annex-B units with 4-byte lengths for start codes. */
  #payloadOf(unit: Uint8Array): readonly Uint8Array[] {
    if (this.#parameters.framing !== 'annexb') return [unit];
    const units = nalUnits(unit, this.#parameters);
    const lengths = Buffer.allocUnsafe(units.length * 4);
    const parts: Uint8Array[] = [];
    units.forEach((nal, index) => {
      lengths.writeUInt32BE(nal.length, index * 4);
      parts.push(lengths.subarray(index * 4, index * 4 + 4), nal);
    });
    return parts.length < VECTOR_LIMIT ? parts : [Buffer.concat(parts)];
  }

  #place(unit: WrittenUnit, sizeBytes: number): Fragment {
    const shift = this.#shift ?? 0;
    const presentation = unit.pts === null ? null : ticksOf(unit.pts, this.#parameters) + shift;
    const wanted = wantedDecodeTicks(unit, this.#parameters);
    const decodeTicks = Math.max(wanted === null ? this.#lastDecode + this.#lastDuration : wanted + shift, this.#lastDecode + 1);
    const offset = (presentation ?? decodeTicks) - decodeTicks;
    const duration = ticksOf(unit.duration, this.#parameters);
    return {
      sequence: this.#sequence + 1, decodeTicks, sizeBytes, isKey: unit.isKey,
      compositionOffset: Math.abs(offset) < INT32_LIMIT ? offset : 0,
      duration: duration > 0 && duration < 2 * INT32_LIMIT ? duration : 0,
      capturedMicros: unit.capturedAt ?? null,
    };
  }

  async sync(): Promise<void> {
    if (this.#closing !== undefined) return;
    await this.#handle.datasync().catch((error: unknown) => { throw failed(this.path, error); });
  }

  close(): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }
}

/**
 * The decode time a unit asks for. Where only the presentation time is known (Matroska before its first reordered picture), one second before
 * it: later than any reordering needs, so that composition offsets stay positive, which other readers expect.
 */
function wantedDecodeTicks(unit: WrittenUnit, parameters: StreamParameters): number | null {
  if (unit.dts !== null) return ticksOf(unit.dts, parameters);
  return unit.pts === null ? null : ticksOf(unit.pts, parameters) - parameters.timeBase.den;
}

/** Writes every part at `position`; the system may take several calls. Synchronous: it costs less than handing the work to another thread. */
function writeWhole(fd: number, parts: readonly Uint8Array[], position: number): number {
  let rest = parts;
  let written = 0;
  for (;;) {
    const count = writevSync(fd, rest, position + written);
    written += count;
    let left = count;
    let index = 0;
    for (; index < rest.length; index++) {
      const length = rest[index]?.length ?? 0;
      if (left < length) break;
      left -= length;
    }
    if (index === rest.length) return written;
    if (count === 0) throw new Error('the disk takes no more bytes');
    rest = [(rest[index] ?? new Uint8Array(0)).subarray(left), ...rest.slice(index + 1)];
  }
}
