import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judge, MotionScore } from './motion-score.ts';

const square = (x1: number, y1 = 0, size = 10) => ({ x1, y1, x2: x1 + size, y2: y1 + size });
const found = (x1: number, score: number, y1 = 0, size = 10) => ({ ...square(x1, y1, size), score });

test('the box of the highest score takes the truth, a second one is wrong', () => {
  const judged = judge({ truths: [square(0)], ignored: [], found: [found(0, 0.5), found(1, 0.9)] });
  assert.equal(judged.hits.map(({ box }) => box.x1), [1]);
  assert.equal(judged.wrong.map(({ x1 }) => x1), [0]);
  assert.equal(judged.missed, []);
});

test('an IoU below a half is a miss and an error', () => {
  const judged = judge({ truths: [square(0)], ignored: [], found: [found(4, 0.9)] });
  assert.equal([judged.hits.length, judged.missed.length, judged.wrong.length], [0, 1, 1]);
});

test('what lies in an object that shows too little is neither hit nor error, unless it matches one that counts', () => {
  const judged = judge({ truths: [square(100)], ignored: [square(0, 0, 40), square(100)], found: [found(5, 0.9), found(35, 0.8), found(45, 0.7), found(100, 0.6)] });
  assert.equal([judged.hits.length, judged.ignored.length, judged.wrong.length, judged.missed.length], [1, 2, 1, 0]);
});

test('scores add up over pictures', () => {
  const score = new MotionScore();
  score.add({ truths: [square(0), square(50)], ignored: [], found: [found(0, 0.9), found(200, 0.8)] });
  score.add({ truths: [square(0), square(50)], ignored: [], found: [found(0, 0.9), found(50, 0.8)] });
  assert.equal([score.truths, score.recall, score.precision, score.meanIou], [4, 0.75, 0.75, 1]);
});

test.run();
