import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluateCoco } from '../support/coco-eval.ts';
import { sharedData } from '../support/shared-data.ts';

const folder = sharedData('vectors/coco_eval');

/** What the official COCO API says of these files (the published test asserts it to 1e-6). */
const PUBLISHED = {
  AP: 0.503647, AP50: 0.696973, AP75: 0.571667, APsmall: 0.593252, APmedium: 0.557991, APlarge: 0.489363,
  AR1: 0.386813, AR10: 0.593680, AR100: 0.595353, ARsmall: 0.654764, ARmedium: 0.603130, ARlarge: 0.553744,
};

(folder ? test : test.skip)('the evaluator gives the twelve numbers of the official COCO API', () => {
  const truth = JSON.parse(readFileSync(`${folder}/gts.json`, 'utf8'));
  const scores = evaluateCoco(truth.annotations, JSON.parse(readFileSync(`${folder}/results.json`, 'utf8')));
  for (const [name, value] of Object.entries(PUBLISHED)) {
    const got = scores[name as keyof typeof PUBLISHED];
    assert.ok(Math.abs(got - value) <= 1e-6, `${name} ${got} instead of ${value}`);
  }
});

test('a perfect answer scores 1 and a wrong class 0', () => {
  const truth = { image_id: 1, category_id: 1, bbox: [10, 10, 50, 50], area: 2500 };
  assert.is(evaluateCoco([truth], [{ ...truth, score: 0.4 }]).AP, 1);
  assert.is(evaluateCoco([truth], [{ ...truth, category_id: 2, score: 0.4 }]).AP, 0);
});

test.run();
