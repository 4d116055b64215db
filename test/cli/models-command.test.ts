import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatInspection } from '../../src/cli/models-text.ts';
import { inspectModel } from '../../src/inference/inspect.ts';
import { fakeNetwork } from '../support/fake-network.ts';
import { fakeYolox } from '../support/small-models.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto } from '../support/vto-process.ts';

const folder = temporaryFolder();

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const yolox = file('yolox.onnx', fakeYolox({ width: 32, height: 32, classes: 2 }, new Float32Array(21 * 7)));
const transformer = file('transformer.onnx', fakeNetwork({
  width: 'width', height: 'height', batch: 'batch', metadata: { names: "{0: 'cat', 1: 'dog'}" }, outputs: [{ name: 'logits', dims: [20, 2], values: [] }, { name: 'boxes', dims: [20, 4], values: [] }],
}));

test('the text says the verdict, the file, its tensors, the picture it wants, and what each family says', async () => {
  const text = formatInspection(await inspectModel(yolox), 'auto');
  assert.match(text, /^yolox\.onnx\n {2}family {3}yolox\n {2}file {5}0\.0 MB, sha256 [0-9a-f]{64}\n/);
  for (const line of [/ {2}in {7}images float32 \[1, 3, 32, 32\]\n/, / {2}out {6}output float32 \[1, 21, 7\]\n/, / {2}picture {2}32x32 BGR, letterboxed top left on grey 114, samples as they are\n/,
    / {2}batch {4}one picture a run\n/, / {2}classes {2}not named/, / {2}why {6}yolox: output float32/, / {2}why not {2}yolov5: its boxes are not decoded/, /opset 11, IR 8, by visutility/]) assert.match(text, line);
});

test('a file that has to be named says by which names, and by one of them what it wants', async () => {
  const text = formatInspection(await inspectModel(transformer), 'auto');
  assert.match(text, 'has to be named: --family rt-detr or --family rf-detr or --family detr');
  assert.match(text, /rt-detr: .*; but logits and boxes look alike/);
  assert.not.match(text, /\n {2}picture/);
  const named = formatInspection(await inspectModel(transformer, { family: 'detr', size: [640, 480] }), 'detr');
  assert.match(named, /family {4}detr, as named\n/);
  assert.match(named, 'picture   640x480 RGB, stretched, (samples - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]');
  assert.match(named, 'batch     any number of pictures a run, by its declaration');
  assert.match(formatInspection(await inspectModel(yolox, { family: 'detr' }), 'detr'), /family {3}not detr: its outputs are output float32/);
});

test('vto models inspect writes JSON when asked, and ends with 1 when the file cannot be loaded as asked', async () => {
  const { code, stdout } = await runVto(['models', 'inspect', yolox, '--json']);
  const found = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal([code, found['family'], found['candidates'], found['opset']], [0, 'yolox', ['yolox'], 11]);
  const doubtful = await runVto(['models', 'inspect', transformer, '--json']);
  assert.equal([doubtful.code, (JSON.parse(doubtful.stdout) as Record<string, unknown>)['family'], (JSON.parse(doubtful.stdout) as Record<string, unknown>)['picture']], [1, null, null]);
  const unknown = await runVto(['models', 'inspect', yolox, '--family', 'yolo']);
  assert.is(unknown.code !== 0, true);
  assert.match(unknown.stderr, "PLUGIN_UNKNOWN: unknown model family 'yolo'");
});

test.run();
