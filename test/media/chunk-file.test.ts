import { fork } from 'node:child_process';
import { appendFileSync, copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformError } from '../../src/engine/errors.ts';
import { countFrames, cutTornTail, readChunkFile } from '../../src/media/chunk-file.ts';
import { createChunkWriter } from '../../src/media/chunk-writer.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { readAll } from '../support/read-all.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const clip = encodeClip('h264', { frames: 20, bFrames: 1 });
const whole = join(folder, 'whole.mp4');
/** Bytes of the file after each unit; entry 0 is the empty file. */
const ends = [0];
const writer = await createChunkWriter(whole, clip.parameters);
for (const unit of clip.units) {
  await writer.write(unit);
  ends.push(writer.sizeBytes);
}
await writer.close();

const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'no error', (error: PlatformError) => error.code);

test('cuts a chunk torn at any byte back to its last complete unit', async () => {
  const torn = join(folder, 'torn.mp4');
  const size = statSync(whole).size;
  for (let at = 0; at <= size; at += size - at < 200 ? 1 : at < 2000 ? 17 : 397) {
    copyFileSync(whole, torn);
    truncateSync(torn, at);
    const complete = ends.findLastIndex((end) => end <= at);
    const firstUnitAt = readFileSync(whole).indexOf('moof', 0, 'latin1') - 4;
    const expected = complete === 0 && at >= firstUnitAt ? firstUnitAt : ends[complete]!;
    assert.is(await countFrames(torn), complete, `torn at ${at}`);
    assert.equal(await cutTornTail(torn), { cutBytes: at - expected, sizeBytes: expected }, `torn at ${at}`);
    assert.is(statSync(torn).size, expected);
    assert.is(await countFrames(torn), complete);
  }
});

test('cuts foreign bytes and a tail of zeros', async () => {
  for (const tail of [Buffer.alloc(5000), Buffer.from('no box of ours, but long enough to be read as the head of one, and then some more of it to fill the head'), readFileSync(whole).subarray(0, 300)]) {
    const path = join(folder, 'tail.mp4');
    copyFileSync(whole, path);
    appendFileSync(path, tail);
    assert.is((await readAll(await readChunkFile(path))).length, 20);
    assert.is((await cutTornTail(path)).cutBytes, tail.length);
    assert.equal(readFileSync(path), readFileSync(whole));
  }
});

test('refuses what is no chunk by name', async () => {
  const path = join(folder, 'other.mp4');
  for (const bytes of [Buffer.alloc(0), Buffer.from('not a chunk'), Buffer.alloc(4096, 0xff), readFileSync(whole).subarray(0, 200)]) {
    writeFileSync(path, bytes);
    assert.is(await codeOf(readChunkFile(path)), 'CHUNK_CORRUPT');
    assert.is(await countFrames(path), 0);
  }
  assert.is(await codeOf(readChunkFile(join(folder, 'missing.mp4'))), 'SOURCE_NOT_FOUND');
});

test('survives flipped bytes anywhere in the file', async () => {
  const seed = 7;
  let state = seed;
  const next = (limit: number): number => (state = (state * 1103515245 + 12345) % 2147483648) % limit;
  const path = join(folder, 'flipped.mp4');
  for (let round = 0; round < 300; round++) {
    const bytes = readFileSync(whole);
    for (let flips = 0; flips < 3; flips++) bytes.writeUInt8(next(256), next(round % 2 === 0 ? 900 : bytes.length));
    writeFileSync(path, bytes);
    assert.ok(await countFrames(path) <= 20, `seed ${seed}, round ${round}`);
    const read = await readChunkFile(path).then(readAll, (error: PlatformError) => error.code);
    assert.ok(read === 'CHUNK_CORRUPT' || read.length <= 20, `seed ${seed}, round ${round}`);
  }
});

test('a writer killed with SIGKILL loses no unit whose write had resolved', async () => {
  for (let round = 0; round < 3; round++) {
    const path = join(folder, `killed-${round}.mp4`);
    const child = fork(new URL('../support/chunk-writing-child.ts', import.meta.url), [path], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let resolved = 0;
    child.on('message', (count) => {
      resolved = count as number; // our child sends the number of resolved writes
      if (resolved >= 40 + round * 31) child.kill('SIGKILL');
    });
    await new Promise((done) => child.once('exit', done));
    assert.is(child.signalCode, 'SIGKILL');
    await cutTornTail(path);
    const frames = await countFrames(path);
    assert.ok(frames >= resolved, `${frames} frames in the file, ${resolved} resolved`);
    assert.is((await readAll(await readChunkFile(path))).length, frames);
  }
});

test.run();
