import { fork } from 'node:child_process';
import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VideoOutcome } from '../support/record-video-child.ts';
import { sharedData } from '../support/shared-data.ts';
import { expectedVideos } from '../support/video-table.ts';

/** Records the files one after the other in a process of its own, so that a crash of native code is seen and ends no test. */
function recordAll(paths: readonly string[]): Promise<ReadonlyMap<string, VideoOutcome>> {
  const child = fork(new URL('../support/record-video-child.ts', import.meta.url), paths, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const outcomes = new Map<string, VideoOutcome>();
  child.on('message', (message) => { const outcome = message as VideoOutcome; outcomes.set(basename(outcome.name), outcome); }); // our child sends nothing else
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => (code === 0 ? resolve(outcomes) : reject(new Error(`the recording process ended with ${signal ?? code} after ${[...outcomes.keys()].at(-1)}`))));
  });
}

const readme = sharedData('README.md');
if (readme === undefined) {
  console.log('SKIP: recording every shared video: there is no shared data beside the repository');
} else {
  const videos = expectedVideos(readme);
  const outcomes = recordAll(videos.flatMap(({ name }) => sharedData(`videos/${name}`) ?? []));
  outcomes.catch(() => undefined); // each test below says it
  for (const { name, frames, errorLines } of videos) {
    test(`${name} is recorded as a camera without loss, and read back`, async () => {
      const outcome = (await outcomes).get(name);
      assert.ok(outcome !== undefined);
      assert.is(outcome.error, null);
      assert.ok(outcome.isContentEqual, 'the recorded chunks join to the NAL units of the source');
      assert.equal([outcome.indexed, outcome.readBack], [outcome.units, outcome.units]);
      assert.ok(outcome.areNumbersContiguous);
      assert.equal(outcome.problems, []);
      if (errorLines === 0) assert.equal([outcome.units, outcome.unreadablePackets], [frames, 0]);
      else assert.ok(outcome.units > 0);
    });
  }
}

test.run();
