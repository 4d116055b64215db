import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClip, makeClipFile } from '../support/clip.ts';
import { FUZZ_CASES, FUZZ_SEED } from '../support/fuzz.ts';
import type { FileCase } from '../support/hostile-file-child.ts';
import { sharedData } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const NAMES = ['end', 'MEDIA_INVALID', 'MEDIA_UNSUPPORTED', 'MEDIA_CORRUPT', 'SOURCE_UNREACHABLE'];
const LIMIT_MS = 15_000;

/** Small files of several containers: generated ones, and the smallest real ones where they are at hand. */
async function originals(): Promise<string[]> {
  const small = { width: 96, height: 64, frames: 20, gop: 5, bFrames: 2 };
  const stream = join(folder, 'stream.h264');
  writeFileSync(stream, Buffer.concat((await makeClip(small)).units.map(({ data }) => data)));
  const real = ['decord_unordered.mov', 'torchcodec_h265_10bits.mp4', 'exo_android_slow_motion_vfr.mp4', 'decord_corrupted.mp4', 'asl_brother.mkv'].flatMap((name) => sharedData(`videos/${name}`) ?? []);
  return [await makeClipFile(small), await makeClipFile({ ...small, codec: 'hevc' }), stream, ...real];
}

test('no damage to a video file ends the process, hangs it, or gives anything but pictures and errors by name', async () => {
  const child = fork(new URL('../support/hostile-file-child.ts', import.meta.url), [folder, String(FUZZ_CASES), String(FUZZ_SEED), ...await originals()], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const outcomes = new Map<string, number>();
  const wrong: FileCase[] = [];
  let underWay: number | undefined;
  let pictures = 0;
  child.on('message', (message: { starting: number } | FileCase) => {
    if ('starting' in message) { underWay = message.starting; return; }
    outcomes.set(message.outcome, (outcomes.get(message.outcome) ?? 0) + 1);
    pictures += message.pictures;
    if (!NAMES.includes(message.outcome) || message.tookMs > LIMIT_MS) wrong.push(message);
  });
  const exit = await new Promise<string>((resolve) => { child.on('exit', (code, signal) => resolve(String(signal ?? code))); });
  console.log(`files: seed ${FUZZ_SEED}, ${pictures} pictures, ${JSON.stringify([...outcomes])}`);
  assert.is(exit, '0', `the process ended with ${exit} at case seed ${underWay} of FUZZ_SEED=${FUZZ_SEED}`);
  assert.equal(wrong, [], `FUZZ_SEED=${FUZZ_SEED}`);
  if (FUZZ_CASES >= 50) assert.ok(pictures > FUZZ_CASES && outcomes.has('MEDIA_INVALID'), 'some files are read, some refused');
});

test.run();
