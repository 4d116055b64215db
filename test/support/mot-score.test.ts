import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { motScore, type MotScore, type NamedBox } from './mot-score.ts';

type Row = readonly [id: number, x1: number, y1: number, x2: number, y2: number];
interface Fixture { readonly sequences: readonly { readonly expected: MotScore; readonly frames: readonly { readonly truth: readonly Row[]; readonly found: readonly Row[] }[] }[] }

const named = (rows: readonly Row[]): NamedBox[] => rows.map(([id, x1, y1, x2, y2]) => ({ id, x1, y1, x2, y2 }));
const { sequences } = JSON.parse(readFileSync(new URL('../fixtures/mot/py-motmetrics.json', import.meta.url), 'utf8')) as Fixture;

test('MOTA, IDF1 and what they are made of are those of py-motmetrics', () => {
  assert.is(sequences.length, 5);
  for (const [index, { expected, frames }] of sequences.entries()) {
    const { mota, idf1, ...counts } = motScore(frames.map(({ truth, found }) => ({ truth: named(truth), found: named(found) })));
    const { mota: expectedMota, idf1: expectedIdf1, ...expectedCounts } = expected;
    assert.equal(counts, expectedCounts, `sequence ${index}`);
    assert.ok(Math.abs(mota - expectedMota) < 1e-9 && Math.abs(idf1 - expectedIdf1) < 1e-9, `sequence ${index}: MOTA ${mota} (${expectedMota}), IDF1 ${idf1} (${expectedIdf1})`);
  }
});

test('a tracker that is always right scores 1, one that swaps two names half way loses identity', () => {
  const frames = Array.from({ length: 10 }, (_, frame) => [1, 2].map(id => ({ id, x1: id * 100 + frame, y1: 0, x2: id * 100 + frame + 50, y2: 80 })));
  const right = motScore(frames.map(truth => ({ truth, found: truth })));
  assert.equal([right.mota, right.idf1], [1, 1]);
  const swapped = motScore(frames.map((truth, frame) => ({ truth, found: truth.map(box => ({ ...box, id: frame < 5 ? box.id : 3 - box.id })) })));
  assert.equal([swapped.switches, swapped.mota, swapped.idf1], [2, 0.9, 0.5]);
});

test.run();
