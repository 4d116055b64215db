import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CameraId } from '../../src/engine/units.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { DetectorModel, DetectorOptions } from '../../src/inference/detector-model.ts';
import { inspectModel } from '../../src/inference/inspect.ts';
import { detectorShape, loadDetector } from '../../src/inference/load-detector.ts';
import { evaluateCoco } from '../support/coco-eval.ts';
import type { CocoDetection } from '../support/coco-eval.ts';
import { loadPicture } from '../support/pictures.ts';
import { sharedData } from '../support/shared-data.ts';
import { fakeYolox, noWarning } from '../support/small-models.ts';

const key = 'photos' as CameraId;
const nano = sharedData('models/yolox_nano.onnx');
const real = nano ? test : test.skip;

function load(options: Partial<DetectorOptions>): Promise<DetectorModel> {
  return loadDetector({ model: nano ?? '', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [], ...options }, { warn: noWarning });
}

async function failure(work: Promise<DetectorModel>): Promise<string> {
  const error = await work.then((model) => `loaded ${model.id}`, (thrown: unknown) => thrown);
  return error instanceof PlatformError ? `${error.code}: ${error.message}` : String(error);
}

/** What an independent decoder found: label, score, corners; and how far ours may be from it in pixels. */
const SEEN: readonly (readonly [string, string, number, readonly number[], number])[] = [
  ['images/hog/astronaut.png', 'person', 0.93, [11, 20, 369, 507], 3],
  ['videos/asl_book.mkv', 'person', 0.94, [187, 81, 435, 474], 3],
  ['videos/udacity_test_video.mp4', 'car', 0.85, [812, 407, 944, 494], 3],
  ['videos/udacity_test_video.mp4', 'car', 0.80, [1003, 406, 1198, 501], 3],
  // Shrunk 2.6 and 4.6 times: there the resampling filter moves a corner by some pixels of the model, so more of the source.
  ['videos/exo_sample.mp4', 'person', 0.83, [145, 157, 1002, 711], 17],
  ['videos/Retail02_short.mp4', 'person', 0.79, [697, 385, 963, 901], 9],
];

real('YOLOX finds what is known to be in real pictures', async () => {
  const detector = await load({});
  assert.equal([detector.id, detector.family, detector.digest.slice(0, 8)], ['yolox_nano@d39bee73', 'yolox', 'd39bee73']);
  for (const [file, label, score, corners, pixels] of SEEN) {
    const boxes = await detector.detect(await loadPicture(sharedData(file)!, detector.shape), key);
    const near = boxes.filter((box) => box.label === label && Math.abs(box.score - score) <= 0.03
      && [box.x1, box.y1, box.x2, box.y2].every((value, at) => Math.abs(value - corners[at]!) <= pixels));
    assert.is(near.length, 1, `${label} ${corners.join(' ')} in ${file}; got ${JSON.stringify(boxes)}`);
  }
  await detector.close();
});

real('YOLOX reaches its AP50 on 27 COCO photos', async () => {
  const truth = JSON.parse(readFileSync(sharedData('images/coco_val/annotations.json')!, 'utf8'));
  const detector = await load({ scoreMin: 0.02 });
  const found: CocoDetection[] = [];
  for (const image of truth.images) {
    for (const box of await detector.detect(await loadPicture(sharedData(`images/coco_val/${image.file_name}`)!, detector.shape), key)) {
      found.push({ image_id: image.id, category_id: box.classId, score: box.score, bbox: [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1] });
    }
  }
  await detector.close();
  const { AP50, AP } = evaluateCoco(truth.annotations, found);
  // So few photos swing by resampling alone: measured 0.506 (no antialiasing) to 0.578 (nearest neighbour) with this decoder.
  assert.ok(Math.abs(AP50 - 0.509) <= 0.005, `AP50 ${AP50} against the independent decoder's 0.509`);
  assert.ok(Math.abs(AP - 0.342) <= 0.02, `AP ${AP}`);
});

real('files of families that are not known are refused with what was seen', async () => {
  for (const file of ['version-RFB-320', 'version-slim-320', 'yunet_n_320_320', 'yunet_n_640_640', 'yunet_n_dynamic', 'FastestDet']) {
    const path = sharedData(`models/${file}.onnx`)!;
    const says = await failure(load({ model: path }));
    assert.match(says, /^MODEL_FAMILY_UNKNOWN: .*from inputs input.*known: yolox, end-to-end/);
    assert.match(await failure(load({ model: path, family: 'yolox' })), /^MODEL_INVALID: the file is no 'yolox' model/);
    const inspection = await inspectModel(path);
    assert.is(inspection.family, undefined);
    assert.equal(inspection.evidence.map((row) => row.isMatch), [false, false]);
  }
});

real('inspecting a file tells its tensors, its family and why', async () => {
  const inspection = await inspectModel(nano!);
  assert.equal(inspection.inputs, ['images float32 [1, 3, 416, 416]']);
  assert.equal(inspection.outputs, ['output float32 [1, 3549, 85]']);
  assert.equal([inspection.family, inspection.opset, inspection.sizeBytes], ['yolox', 11, 3713911]);
  assert.match(inspection.evidence[0]!.says, '3549 cells');
});

test('labels given by the user replace those of the family', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'model-'));
  const path = join(folder, 'tiny.onnx');
  const rows = new Float32Array(21 * 7); // 16 + 4 + 1 cells of 32x32 pixels, 2 classes
  rows.set([0.5, 0.5, 0, 0, 1, 0, 0.9], 5 * 7);
  writeFileSync(path, fakeYolox({ width: 32, height: 32, classes: 2 }, rows));
  const frame = { pixels: new Uint8Array(32 * 32 * 3), width: 32, height: 32, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 32, sourceHeight: 32 };
  for (const [labels, label] of [[[], 'class-1'], [['left', 'right'], 'right']] as const) {
    const detector = await load({ model: path, labels });
    assert.equal(await detectorShape({ model: path, family: 'auto' }), detector.shape, 'known without loading it');
    const [box] = await detector.detect(frame, key);
    assert.equal({ ...box, score: 0.9 }, { classId: 1, label, score: 0.9, x1: 8, y1: 8, x2: 16, y2: 16 });
    detector.forget(key);
    await detector.close();
    await detector.close();
  }
  rmSync(folder, { recursive: true });
});

test('the built-in detector wants the picture it says', async () => {
  const detector = await load({ model: 'motion' });
  assert.equal(await detectorShape({ model: 'motion', family: 'auto' }), detector.shape);
  await detector.close();
});

test('files that are missing, no model, cut short, or fail when run are refused by name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'model-'));
  const file = (name: string, bytes: Uint8Array | string): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const whole = fakeYolox({ width: 32, height: 32, classes: 2 }, new Float32Array(21 * 7));
  assert.match(await failure(load({ model: join(folder, 'none.onnx') })), /^SOURCE_NOT_FOUND: no model file at/);
  assert.match(await failure(load({ model: folder })), /^MODEL_INVALID: model file .* cannot be read \(EISDIR\)/);
  assert.match(await failure(load({ model: file('empty.onnx', '') })), /^MODEL_INVALID/);
  assert.match(await failure(load({ model: file('text.onnx', 'this is a poem') })), /^MODEL_INVALID/);
  assert.match(await failure(load({ model: file('cut.onnx', whole.subarray(0, whole.length - 40)) })), /^MODEL_INVALID/);
  const broken = Buffer.from(Buffer.from(whole).toString('latin1').replaceAll('ReduceMean', 'ReduceMeaX'), 'latin1');
  assert.match(await failure(load({ model: file('operator.onnx', broken) })), /^MODEL_INVALID: onnxruntime refuses the model/);
  rmSync(folder, { recursive: true });
});

test.run();
