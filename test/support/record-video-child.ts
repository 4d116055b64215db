import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import { reportError } from '../../src/engine/errors.ts';
import { createContentHash, readChunkFile } from '../../src/media/index.ts';
import { recordFile } from './record-file.ts';

/** What became of one file, as this child process sends it. */
export interface VideoOutcome {
  readonly name: string;
  readonly units: number;
  readonly unreadablePackets: number;
  readonly chunks: number;
  /** Frames that the index, and that reading back, counts. */
  readonly indexed: number;
  readonly readBack: number;
  readonly areNumbersContiguous: boolean;
  readonly isContentEqual: boolean;
  /** Problems that verifying the archive finds. */
  readonly problems: readonly string[];
  /** Name of the error that refused the file. */
  readonly error: string | null;
}

/** Records each file named on the command line and reads it back. */
async function main(path: string): Promise<VideoOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'visutility-test-'));
  const empty = { name: path, units: 0, unreadablePackets: 0, chunks: 0, indexed: 0, readBack: 0, areNumbersContiguous: true, isContentEqual: true, problems: [] };
  try {
    const recorded = await recordFile(path, folder, 1);
    const hash = createContentHash();
    const numbers: number[] = [];
    const { camera, epoch, rows } = recorded;
    for await (const part of readUnits({ folder, camera, epoch, rows, from: 0, openReader: readChunkFile, signal: new AbortController().signal })) {
      for (const unit of part.units) {
        hash.update(unit.data, part.parameters);
        numbers.push(unit.frameSeq);
      }
    }
    const report = await verifyArchive({ folder, rows, openReader: readChunkFile, createHash: contentHashOf });
    return {
      name: path, units: recorded.units, unreadablePackets: recorded.unreadablePackets, chunks: rows.length, indexed: rows.reduce((sum, row) => sum + row.frameCount, 0),
      readBack: numbers.length, areNumbersContiguous: numbers.every((number, index) => number === index), isContentEqual: hash.digest() === recorded.sourceHash,
      problems: report.problems.map(({ path: file, message }) => `${file}: ${message}`), error: null,
    };
  } catch (error) {
    return { ...empty, error: reportError(error).code };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const path of process.argv.slice(2)) process.send?.(await main(path));
