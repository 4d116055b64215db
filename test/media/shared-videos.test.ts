import { fork } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileOutcome } from '../support/process-file-child.ts';
import { sharedData } from '../support/shared-data.ts';
import { expectedVideos } from '../support/video-table.ts';

/** Handles one file in a process of its own, so that a crash of native code fails the test instead of ending it. */
function handleFile(path: string): Promise<FileOutcome> {
  const child = fork(new URL('../support/process-file-child.ts', import.meta.url), [path], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    let outcome: FileOutcome | undefined;
    child.on('message', (message) => { outcome = message as FileOutcome; }); // our child sends nothing else
    child.once('error', reject);
    child.once('exit', (code, signal) => (code === 0 && outcome !== undefined ? resolve(outcome) : reject(new Error(`${path}: the process ended with ${signal ?? code}`))));
  });
}

const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
let queued = 0;

/** Starts `work` when the one two before it has ended: two files at a time. */
function nextInLane<Result>(work: () => Promise<Result>): Promise<Result> {
  const lane = queued++ % lanes.length;
  const result = (lanes[lane] ?? Promise.resolve()).then(work);
  lanes[lane] = result.catch(() => undefined); // the test that awaits the result reports it
  return result;
}

const readme = sharedData('README.md');
if (readme === undefined) {
  test.skip('real videos: skipped, there is no shared data beside the repository', () => undefined);
} else {
  const rows = expectedVideos(readme);
  test('the table of expected counts is read', () => assert.is(rows.length, 24));
  for (const { name, size, frames, errorLines, md5 } of rows) {
    const path = sharedData(`videos/${name}`);
    if (path === undefined) {
      test.skip(`${name}: skipped, the file is missing`, () => undefined);
      continue;
    }
    const handled = nextInLane(() => handleFile(path));
    test(`${name} is recorded without loss, chunk by key frame, and ${errorLines > 0 ? 'survived' : 'decodes to the pictures ffmpeg gives'}`, async () => {
      const outcome = await handled;
      assert.ok(outcome.isContentEqual, 'the NAL units of all chunks are those of the file');
      assert.is(outcome.recorded, outcome.units);
      assert.is(outcome.changedPts, 0);
      assert.is(outcome.distinctPictures, outcome.pictures, 'no two pictures bear one number');
      if (errorLines > 0) {
        assert.ok(outcome.pictures > 0 && outcome.errors.every((code) => code === 'MEDIA_CORRUPT'), `${outcome.pictures} pictures, errors ${outcome.errors.join()}`);
        return;
      }
      assert.equal(outcome.errors, []);
      assert.is(outcome.changedDts, 0);
      assert.is(outcome.pictures, frames);
      assert.is(outcome.units, frames);
      assert.is(outcome.sizes[0], size);
      if (name === 'vali_test_res_change.h264') assert.equal(outcome.sizes, ['848x464', '424x232']); // its MD5 was taken of scaled pictures
      else assert.is(outcome.md5, md5);
    });
  }
}

test.run();
