import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { yolox } from '../../../src/inference/families/yolox.ts';
import { fakeYolox, seeded } from '../../support/small-models.ts';
import { foreignOf } from '../../support/wrapped.ts';

const random = seeded(7);
const size = { width: 96, height: 64, classes: 3 };
const cells = 12 * 8 + 6 * 4 + 3 * 2;
const rows = Float32Array.from({ length: cells * 8 }, () => random());

test('it is recognised by its cells, last layers and classes, and COCO labels are given to 80 classes only', () => {
  const match = yolox.examine(foreignOf(fakeYolox(size, rows)));
  assert.ok(match.isMatch && match.evidence.includes('126 cells') && match.evidence.includes('not decoded') && match.doubt === undefined);
  assert.equal([match.plan.labels, match.plan.isBatchable], [[], false]);
  assert.equal(match.plan.shape, { width: 96, height: 64, fit: 'letterbox', align: 'top-left', padValue: 114, channels: 'bgr' });
  const coco = yolox.examine(foreignOf(fakeYolox({ ...size, classes: 80 }, new Float32Array(cells * 85))));
  assert.is(coco.isMatch && coco.plan.labels[2], 'car');
  const decoded = yolox.examine(foreignOf(fakeYolox(size, rows, { decoded: true })));
  assert.ok(decoded.isMatch && decoded.evidence.endsWith('3 classes, decoded'));
});

test('a file with another number of cells or an odd size is refused with the reason', () => {
  const says = (model: Uint8Array): string => {
    const match = yolox.examine(foreignOf(model));
    return match.isMatch ? 'matches' : match.reason;
  };
  assert.match(says(fakeYolox({ ...size, width: 128 }, rows)), /has not the 168 cells/);
  assert.match(says(fakeYolox({ ...size, width: 100 }, rows)), /no multiple of 32/);
});

test.run();
