import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runBatch } from '../../actors/batch/batch-run.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { motScore, type MotFrame } from '../support/mot-score.ts';
import { sceneFrames } from '../support/tracked-scene.ts';
import { runVto } from '../support/vto-process.ts';

const FPS = 15;
const FRAMES = 300;
const NO_FLAWS = { missed: 0, invented: 0, offBy: 0, seed: 1 };

test('the pipeline follows what moves in a scene: decoded video, the motion detector, chunks of ten seconds', async () => {
  const uri = `synthetic://street?size=640x360&fps=${FPS}&frames=${FRAMES}&seed=4`;
  const truth = sceneFrames(uri, { seconds: FRAMES / FPS - 1e-6, intervals: [1 / FPS], flaws: NO_FLAWS });
  const frames: MotFrame[] = [];
  const records = runBatch({
    uri, tracker: 'byte-track', every: 1, maxFps: null, clock: systemClock, random: systemRandom,
    model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] },
  });
  for await (const record of records) {
    assert.is(record.kind, 'detected');
    if (record.kind !== 'detected') continue;
    // The motion detector needs a while to learn its background.
    if (record.frameSeq >= 30) frames.push({ truth: truth[record.frameSeq]?.truth ?? [], found: record.boxes.flatMap(({ trackId, x1, y1, x2, y2 }) => (trackId === undefined ? [] : [{ id: trackId, x1, y1, x2, y2 }])) });
  }
  const score = motScore(frames);
  console.log(`    street, motion: MOTA ${score.mota.toFixed(3)}, IDF1 ${score.idf1.toFixed(3)}, ${score.switches} switches over ${score.boxes} boxes`);
  assert.is(frames.length, FRAMES - 30);
  assert.ok(score.idf1 > 0.5 && score.switches < score.boxes / 20, JSON.stringify(score));
});

test('vto infer --track names objects in its lines and its MOTChallenge rows', async () => {
  const uri = `synthetic://street?size=320x180&fps=${FPS}&frames=75&seed=4`;
  const [lines, rows] = await Promise.all([runVto(['infer', uri, '--track']), runVto(['infer', uri, '--track', '--format', 'mot'])]);
  const ids = lines.stdout.trim().split('\n').flatMap(line => (JSON.parse(line) as { boxes: { trackId?: number }[] }).boxes.map(({ trackId }) => trackId));
  assert.ok(ids.filter(id => id !== undefined).length > 100, `${ids.length} boxes, some with ids: ${[...new Set(ids)].join()}`);
  assert.equal(rows.stdout.trim().split('\n').map(row => Number(row.split(',')[1])), ids.map(id => id ?? -1));
  assert.ok(Math.max(...ids.map(id => id ?? 0)) < 60, 'a file\'s objects are counted from 1');
});

test.run();
