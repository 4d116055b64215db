import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedData } from './shared-data.ts';
import { expectedVideos, type ExpectedVideo } from './video-table.ts';
import { runVto } from './vto-process.ts';

/** An elementary stream has no times: where its pictures are shown is known to the decoder only. */
const WITHOUT_TIMES = 'vali_test_res_change.h264';

/** Tests `vto infer` on every `parts`-th shared video from `part` on, counted from the longest. */
export function testInferOnVideos(part: number, parts: number): void {
  const readme = sharedData('README.md');
  if (readme === undefined) {
    console.log('SKIP: vto infer on every shared video: there is no shared data beside the repository');
    return;
  }
  for (const expected of expectedVideos(readme).toSorted((a, b) => b.frames - a.frames).filter((_, index) => index % parts === part)) {
    const path = sharedData(`videos/${expected.name}`);
    if (path === undefined) console.log(`SKIP: ${expected.name}: the file is missing`);
    else test(`vto infer goes through ${expected.name} to its end`, () => inferWhole(path, expected));
  }
}

async function inferWhole(path: string, { name, frames, errorLines }: ExpectedVideo): Promise<void> {
  const { code, stdout, stderr } = await runVto(['infer', path, '--model', 'motion']);
  assert.not.match(stderr, /^ {4}at /m);
  if (errorLines > 0 && code !== 0) {
    assert.match(stderr, /^vto: [A-Z_]+: .+\n/m, 'a damaged file may be refused, by name');
    return;
  }
  assert.is(code, 0, stderr);
  const [, total, detected] = /^(\d+) frames: (\d+) detected/m.exec(stderr) ?? [];
  const numbers = stdout.trim().split('\n').map((line) => (JSON.parse(line) as { frame: number }).frame);
  assert.is(numbers.length, Number(detected));
  assert.ok(numbers.length > 0, stderr);
  if (errorLines > 0) return;
  assert.is(Number(total), frames, stderr);
  const inOrder = name === WITHOUT_TIMES ? numbers.toSorted((a, b) => a - b) : numbers;
  assert.equal(inOrder, Array.from({ length: frames }, (_, frame) => frame), 'each frame once, numbered as shown');
}
