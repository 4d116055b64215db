import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CameraId } from '../../../src/engine/units.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { chooseFamily } from '../../../src/inference/families/index.ts';
import { GraphBuilder } from '../../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../../src/inference/graph/model-file.ts';
import { loadDetector } from '../../../src/inference/load-detector.ts';
import { noWarning } from '../../support/small-models.ts';
import { failureOf, foreignOf } from '../../support/wrapped.ts';

/** A "detector" that reports one box whose score is the mean of the picture's first channel / 255, when it passes the file's own threshold. */
function brightness(thresholdDims: readonly number[]): Uint8Array {
  const graph = new GraphBuilder('brightness');
  const picture = graph.input('image', 'uint8', [1, 6, 8, 3]);
  const threshold = graph.input('score_threshold', 'float32', thresholdDims);
  const channel = graph.slice(graph.cast(picture, 'float32'), 3, 0, 1);
  const score = graph.op('Div', [graph.reshape(graph.op('ReduceMean', [channel], { keepdims: 0 }), [1, 1]), graph.float(255)]);
  const row = graph.op('Concat', [graph.floats([0, 1], [1, 2]), score, graph.floats([1, 2, 5, 4], [1, 4])], { axis: 1 });
  const passes = graph.reshape(graph.op('Greater', [graph.reshape(score, [1]), graph.reshape(threshold, [1])]), [1]);
  graph.output(graph.op('Compress', [row, passes], { axis: 0 }), 'dets', 'float32', ['m', 7]);
  for (const [key, value] of [['labels', 'dark, bright'], ['version', '2.1.0'], ['name', 'lamp'], ['fit', 'stretch']] as const) graph.metadata(key, value);
  return serializeModel(graph.build());
}

for (const dims of [[1], []]) {
  test(`a graph that does everything itself is used as it is, its threshold of ${dims.length} dimensions bound`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'model-'));
    const path = join(folder, 'some-file.onnx');
    writeFileSync(path, brightness(dims));
    const detector = await loadDetector({ model: path, family: 'auto', providers: ['cpu'], scoreMin: 0.5, iouMax: 0.45, labels: [] }, { warn: noWarning });
    try {
      assert.equal([detector.id, detector.family, detector.provider, detector.labels], ['lamp@2.1.0', 'end-to-end', 'cpu', ['dark', 'bright']]);
      assert.equal(detector.shape, { width: 8, height: 6, fit: 'stretch', align: 'center', padValue: 114, channels: 'rgb' });
      const frame = { width: 8, height: 6, scaleX: 0.5, scaleY: 0.5, padX: 0, padY: 0, sourceWidth: 16, sourceHeight: 12 };
      const key = 'one' as CameraId;
      const [box, ...others] = await detector.detect({ ...frame, pixels: new Uint8Array(144).fill(204) }, key);
      assert.equal(others, []);
      assert.equal({ ...box, score: Math.round(box!.score * 1e6) / 1e6 }, { classId: 1, label: 'bright', score: 0.8, x1: 2, y1: 4, x2: 10, y2: 8 });
      assert.equal(await detector.detect({ ...frame, pixels: new Uint8Array(144).fill(100) }, key), []);
      const error = await detector.detect({ ...frame, pixels: new Uint8Array(100) }, key).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof PlatformError && error.code === 'INFERENCE_FAILED');
    } finally {
      await detector.close();
      rmSync(folder, { recursive: true });
    }
  });
}

test('a name nobody has is refused with the known ones, and a file of another family with the reason', () => {
  const foreign = foreignOf(brightness([1]));
  const says = (name: string): string => failureOf(() => chooseFamily(name, foreign));
  assert.is(chooseFamily('auto', foreign).family.type, 'end-to-end');
  assert.match(says('yolo'), /^PLUGIN_UNKNOWN: unknown model family 'yolo' \(known: auto, yolox, yolov5, .*, end-to-end\)/);
  assert.match(says('yolox'), /^MODEL_INVALID: the file is no 'yolox' model: it has 2 inputs/);
});

test.run();
