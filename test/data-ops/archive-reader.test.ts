import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ReadOptions, readUnits } from '../../src/data-ops/archive-reader.ts';
import { sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import type { SeqRange } from '../../src/data-ops/store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { parameters } from '../support/archive-fixtures.ts';
import { openFramedReader } from '../support/chunk-files.ts';
import { rollDice } from '../support/dice.ts';
import { camera } from '../support/ledger-fixtures.ts';
import { framedTools, record, recordedUnit } from '../support/recording.ts';

interface Context { folder: string }

const test = suite<Context>('archive-reader');
const DOCK = camera('dock-2');

test.before.each((context) => { context.folder = mkdtempSync(join(tmpdir(), 'vto-reader-')); });
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

async function collect(options: Pick<ReadOptions, 'folder' | 'rows' | 'from'> & Partial<ReadOptions>): Promise<ChunkPart[]> {
  const parts: ChunkPart[] = [];
  for await (const part of readUnits({ camera: DOCK, epoch: 1, openReader: framedTools.openReader, signal: new AbortController().signal, ...options })) parts.push(part);
  return parts;
}

const numbers = (parts: readonly ChunkPart[]): number[] => parts.map((part) => part.units[0]!.frameSeq);
const upTo = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

test('reads units back as they were passed on, parameters included, whatever those of the file are', async ({ folder }) => {
  const { parts, rows } = await record({ folder, camera: DOCK, epoch: 1, count: 70 });
  const openReader = (path: string) => openFramedReader(path, { ...parameters, timeBase: { num: 1, den: 1000 }, framing: 'length-prefixed', width: 0, extradata: new Uint8Array([9]) });
  const read = await collect({ folder, rows, from: 0, openReader });
  assert.equal(numbers(read), upTo(0, 69));
  read.forEach((part, index) => {
    const { parameters: _, ...unit } = part.units[0]!;
    const { parameters: __, ...original } = parts[index]!.units[0]!;
    assert.equal(unit, original);
    assert.equal(part.parameters, parameters);
    for (const key of ['camera', 'epoch', 'chunkSeq', 'partSeq', 'chunkStartedAt', 'isOpenGop'] as const) assert.is(part[key], parts[index]![key]);
    assert.is(part.units[0]!.parameters !== undefined, part.partSeq === 0);
    assert.equal([part.isRecovered, part.isAccounted, part.isEpochEnd], [true, false, false]);
  });
});

test('starts at the key frame before any wanted frame, and ends at any other', async ({ folder }) => {
  const dice = rollDice('readUnits');
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 100, gop: 7 });
  for (let round = 0; round < 40; round += 1) {
    const from = dice.between(0, 99);
    const to = dice.between(from, 110);
    const read = await collect({ folder, rows, from, to });
    assert.equal(numbers(read), upTo(from - from % 7, Math.min(to, 99)));
    assert.ok(recordedUnit(numbers(read)[0]!, 7).isKey);
    for (const part of read) assert.is(part.isAccounted, part.units[0]!.frameSeq < from);
    assert.equal(numbers(await collect({ folder, rows, from, to, startsAtKey: false })), upTo(from, Math.min(to, 99)));
  }
  assert.equal(await collect({ folder, rows, from: 100 }), []);
});

test('starts a key frame earlier where GOPs are open', async ({ folder }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 60, gop: 10, isClosedGop: false });
  assert.is(numbers(await collect({ folder, rows, from: 45 }))[0], 30);
  assert.is(numbers(await collect({ folder, rows, from: 5 }))[0], 0);
});

test('reads to the end of what is on disk, beyond what the index knows by now', async ({ folder }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 70 });
  await record({ folder, camera: DOCK, epoch: 2, count: 5 });
  const open = { ...rows[0]!, frameCount: 12, isClosed: false };
  assert.equal(numbers(await collect({ folder, rows: [open], from: 3 })), upTo(0, 69));
  assert.equal(numbers(await collect({ folder, rows: [], from: 45 })), upTo(40, 69));
  assert.equal(numbers(await collect({ folder, rows: [open], from: 12, to: 50, startsAtKey: false })), upTo(12, 50));
  const newest = rows.at(-1)!;
  truncateSync(join(folder, newest.path), newest.sizeBytes - 1);
  const growing = [...rows.slice(0, -1), { ...newest, frameCount: 1, isClosed: false }];
  assert.equal(numbers(await collect({ folder, rows: growing, from: 0 })), upTo(0, 68), 'the unit that is being written is left for later');
});

// A short chunk is finished beside the recording of the next one: the index may hear of the next one first, and its frames were taken for expired.
test('reads a chunk that the index does not know between two that it knows', async ({ folder }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 90 });
  assert.equal(numbers(await collect({ folder, rows: rows.filter((_, index) => index !== 1), from: 0 })), upTo(0, 89));
  assert.equal(numbers(await collect({ folder, rows: rows.filter((_, index) => index !== 1), from: 0, to: 80 })), upTo(0, 80));
});

test('leaves out expired chunks, and names the frames that a damaged one cannot give', async ({ folder }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 90 });
  const [first, second, third] = rows;
  assert.is(numbers(await collect({ folder, rows: [{ ...first!, isExpired: true }, second!, third!], from: 4 }))[0], second!.firstFrameSeq);
  const failure = async (): Promise<PlatformError> => {
    try { await collect({ folder, rows, from: 0 }); } catch (error) { if (error instanceof PlatformError) return error; }
    throw new Error('reading did not fail');
  };
  truncateSync(join(folder, second!.path), second!.sizeBytes - 1);
  const short = await failure();
  const secondLast = second!.firstFrameSeq + second!.frameCount - 1;
  assert.equal([short.code, short.facts['from'], short.facts['to']], ['CHUNK_CORRUPT', secondLast, secondLast]);
  const damaged: SeqRange[] = [];
  const onDamage = (lost: SeqRange): void => { damaged.push(lost); };
  const rest = await collect({ folder, rows, from: 0, onDamage });
  assert.equal(numbers(rest), [...upTo(0, secondLast - 1), ...upTo(third!.firstFrameSeq, 89)]);
  assert.equal(damaged, [{ from: secondLast, to: secondLast }]);
  const open = rows.map((row) => ({ ...row, isOpenGop: true }));
  assert.is(numbers(await collect({ folder, rows: open, from: third!.firstFrameSeq, onDamage }))[0], third!.firstFrameSeq - 10);
  assert.is(damaged.length, 1, 'frames that were wanted for reference only are not lost');
  rmSync(sidecarPath(join(folder, second!.path)));
  assert.equal((await failure()).facts['from'], second!.firstFrameSeq);
  rmSync(join(folder, first!.path));
  assert.equal([(await failure()).code, (await failure()).facts['from']], ['CHUNK_CORRUPT', 0]);
});

test('ends when it is aborted', async ({ folder }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 30 });
  const stop = new AbortController();
  let count = 0;
  try {
    for await (const _ of readUnits({ camera: DOCK, epoch: 1, folder, rows, from: 0, openReader: framedTools.openReader, signal: stop.signal })) {
      count += 1;
      if (count === 5) stop.abort(new Error('enough'));
    }
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'enough');
  }
  assert.is(count, 5);
});

test.run();
