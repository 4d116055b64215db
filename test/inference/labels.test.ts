import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COCO_90_LABELS, COCO_LABELS, labelOf, labelsFor, labelsInFile } from '../../src/inference/labels.ts';

const file = (rows: Readonly<Record<string, string>>): ReadonlyMap<string, string> => new Map(Object.entries(rows));

test('names are read as Ultralytics writes them, and labels as we do', () => {
  assert.equal(labelsInFile(file({ names: `{0: 'person', 1: "driver's seat", 2: 'it\\'s', 3: 'traffic light'}` })), ['person', "driver's seat", "it's", 'traffic light']);
  assert.equal(labelsInFile(file({ names: '{"0": "cat", "1": "dog"}' })), ['cat', 'dog']);
  assert.equal(labelsInFile(file({ labels: 'dark, bright,' })), ['dark', 'bright']);
  assert.equal(labelsInFile(file({ names: 'gibberish' })), []);
  assert.equal(labelsInFile(file({ names: "{0: 'cat', 2: 'cow'}" })), ['cat'], 'a gap ends the list: a name must not move to another class');
  assert.equal(labelsInFile(file({})), []);
});

test('without names of its own a file of 80 classes gets those of COCO, any other none', () => {
  assert.is(labelsFor(file({}), 80), COCO_LABELS);
  assert.equal(labelsFor(file({}), 79), []);
  assert.equal(labelsFor(file({ names: "{0: 'cat'}" }), 80), ['cat']);
  assert.is(labelOf([], 3), 'class-3');
});

test('the 90 COCO categories stand at their own numbers less one', () => {
  // From the label map of TensorFlow's Object Detection API: 1 person, 13 stop sign, 44 bottle, 67 dining table, 90 toothbrush; 12, 66 and 83 are not used.
  for (const [id, name] of [[1, 'person'], [13, 'stop sign'], [44, 'bottle'], [67, 'dining table'], [90, 'toothbrush'], [12, 'unused-12'], [66, 'unused-66'], [83, 'unused-83']] as const) {
    assert.is(COCO_90_LABELS[id - 1], name);
  }
  assert.equal(COCO_90_LABELS.filter((name) => !name.startsWith('unused')), COCO_LABELS);
});

test.run();
