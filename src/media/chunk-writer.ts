import { open, type FileHandle } from 'node:fs/promises';
import { writevSync } from 'node:fs';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { encodeFragmentHead, encodeHeader } from './chunk-format.ts';
import { FragmentClock, payloadOf } from './fragment-clock.ts';
import { inBandParameterSets, joinParameterSets } from './nal.ts';
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

class FragmentWriter implements ChunkWriter {
  readonly path: string;
  sizeBytes = 0;
  readonly #handle: FileHandle;
  readonly #parameters: StreamParameters;
  readonly #clock: FragmentClock;
  #hasBegun = false;
  #closing: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, parameters: StreamParameters) {
    this.path = path;
    this.#handle = handle;
    this.#parameters = parameters;
    this.#clock = new FragmentClock(parameters);
  }

  async write(unit: WrittenUnit): Promise<void> {
    if (this.#closing !== undefined) throw failed(this.path, new Error('the writer is closed'));
    const parts: Uint8Array[] = [];
    if (!this.#hasBegun) parts.push(await this.#header(unit));
    const payload = payloadOf(unit.data, this.#parameters);
    const fragment = this.#clock.place(unit, payload.reduce((sum, part) => sum + part.length, 0));
    parts.push(encodeFragmentHead(fragment), ...payload);
    try {
      this.sizeBytes += writeWhole(this.#handle.fd, parts, this.sizeBytes);
    } catch (error) {
      await this.#handle.truncate(this.sizeBytes).catch(() => undefined); // the disk may be what fails; the next start cuts the tail
      throw failed(this.path, error);
    }
    this.#clock.advance(fragment);
  }

  async #header(unit: WrittenUnit): Promise<Buffer> {
    const needsSets = this.#parameters.extradata.length === 0 && this.#parameters.framing === 'annexb';
    const extradata = needsSets ? joinParameterSets(this.#parameters.codec, inBandParameterSets(unit.data, this.#parameters)) : this.#parameters.extradata;
    const parameters = { ...this.#parameters, extradata };
    const start = this.#clock.begin(unit);
    this.#hasBegun = true;
    return encodeHeader(parameters, await sampleDescription(parameters), start);
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
