import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { countFrames, readChunkFile } from '../../src/media/chunk-file.ts';
import { createChunkWriter } from '../../src/media/chunk-writer.ts';
import { createContentHash } from '../../src/media/content-hash.ts';
import { createDecoder, LibavPicture } from '../../src/media/decoder.ts';
import { openReader } from '../../src/media/reader.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { MediaPacket, PacketReader, Picture } from '../../src/media/types.ts';
import { reportError } from '../../src/engine/errors.ts';
import { readAll } from './read-all.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What became of one file, as sent by this child process. */
export interface FileOutcome {
  readonly units: number;
  /** Units that came back from chunks cut at every key frame, in order. */
  readonly recorded: number;
  readonly chunks: number;
  readonly isContentEqual: boolean;
  /** Units whose known presentation time came back changed. */
  readonly changedPts: number;
  /** Units whose known decode time came back changed. */
  readonly changedDts: number;
  readonly pictures: number;
  readonly distinctPictures: number;
  readonly sizes: readonly string[];
  readonly md5: string;
  /** Codes of read and decode errors. */
  readonly errors: readonly string[];
}

async function readSurviving(reader: PacketReader, errors: string[]): Promise<MediaPacket[]> {
  const units: MediaPacket[] = [];
  for (let failures = 0; failures < 100;) {
    try {
      const unit = await reader.read();
      if (unit === undefined) break;
      units.push(unit);
    } catch (error) {
      errors.push(reportError(error).code);
      failures++;
    }
  }
  await reader.close();
  return units;
}

async function record(reader: PacketReader, units: readonly MediaPacket[]): Promise<Pick<FileOutcome, 'recorded' | 'chunks' | 'isContentEqual' | 'changedPts' | 'changedDts'>> {
  const folder = temporaryFolder();
  const starts = units.flatMap((unit, index) => (unit.isKey || index === 0 ? [index] : []));
  const [before, after] = [createContentHash(), createContentHash()];
  for (const unit of units) before.update(unit.data, reader.parameters);
  let [recorded, changedPts, changedDts] = [0, 0, 0];
  for (const [chunk, start] of starts.entries()) {
    const path = join(folder, `${chunk}.mp4`);
    const writer = await createChunkWriter(path, reader.parameters);
    for (const unit of units.slice(start, starts[chunk + 1])) await writer.write(unit);
    await writer.close();
    const chunkReader = await readChunkFile(path);
    const read = await readAll(chunkReader);
    if (read.length !== await countFrames(path)) throw new Error(`chunk ${chunk} counts ${await countFrames(path)} frames and reads ${read.length}`);
    for (const unit of read) {
      after.update(unit.data, chunkReader.parameters);
      const source = units[recorded++];
      const isChanged = (was: number | null | undefined, is: number | null): boolean => was !== null && was !== undefined && is !== was * reader.parameters.timeBase.num;
      if (isChanged(source?.pts, unit.pts)) changedPts++;
      if (isChanged(source?.dts, unit.dts)) changedDts++;
    }
  }
  return { recorded, chunks: starts.length, isContentEqual: before.digest() === after.digest(), changedPts, changedDts };
}

async function decode(reader: PacketReader, units: readonly MediaPacket[], errors: string[]): Promise<Pick<FileOutcome, 'pictures' | 'distinctPictures' | 'sizes' | 'md5'>> {
  const decoder = await createDecoder(reader.parameters, { threads: 1 });
  const scaler = createScaler({ width: 64, height: 64, fit: 'letterbox', align: 'center', padValue: 114, channels: 'rgb' });
  const hash = createHash('md5');
  const numbers: number[] = [];
  const sizes = new Set<string>();
  const take = (pictures: readonly Picture[]): void => {
    for (const picture of pictures) {
      if (picture instanceof LibavPicture) hash.update(picture.frame.toBuffer());
      numbers.push(picture.frameSeq);
      sizes.add(`${picture.width}x${picture.height}`);
      scaler.release(scaler.scale(picture));
      picture.free();
    }
  };
  for (const [frameSeq, unit] of units.entries()) {
    try {
      take(decoder.decode({ frameSeq, ...unit }));
    } catch (error) {
      errors.push(reportError(error).code);
    }
  }
  take(decoder.flush());
  decoder.close();
  scaler.close();
  return { pictures: numbers.length, distinctPictures: new Set(numbers).size, sizes: [...sizes], md5: hash.digest('hex') };
}

/** Reads, records, reads back and decodes the file named by its first argument, and sends the outcome. */
async function main(path: string): Promise<FileOutcome> {
  const errors: string[] = [];
  const reader = await openReader({ uri: path, openTimeoutMs: 10_000 });
  const units = await readSurviving(reader, errors);
  return { units: units.length, ...await record(reader, units), ...await decode(reader, units, errors), errors };
}

if (process.send !== undefined) process.send(await main(process.argv[2] ?? ''));
