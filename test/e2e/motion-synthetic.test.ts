import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runBatch } from '../../actors/batch/batch-run.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { SCENES } from '../../src/ingress/scenes/index.ts';
import { objectsAt, VISIBLE_MIN } from '../../src/ingress/scene.ts';
import { parseSyntheticUri } from '../../src/ingress/synthetic.ts';
import { MotionScore } from '../support/motion-score.ts';

/** In which the background is learnt and nothing is judged, seconds. */
const WARM_UP = 2;

/** Plays a scene through encoder, decoder, scaler and detector in a process of its own, and judges each picture by the truth at its PTS. */
async function scoreOf(uri: string): Promise<MotionScore> {
  const { scene } = parseSyntheticUri(uri);
  const score = new MotionScore();
  const records = runBatch({
    uri, every: 1, maxFps: null, clock: systemClock, random: seededRandom(1),
    model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] },
  });
  for await (const record of records) {
    assert.is(record.kind, 'detected');
    if (record.kind !== 'detected' || record.ptsSeconds === null || record.ptsSeconds < WARM_UP) continue;
    const objects = objectsAt(scene, record.ptsSeconds);
    score.add({ truths: objects.filter(({ visible }) => visible >= VISIBLE_MIN), ignored: objects.filter(({ visible }) => visible < VISIBLE_MIN), found: record.boxes });
  }
  return score;
}

for (const name of SCENES.keys()) {
  test(`finds what moves in the encoded '${name}', whatever the seed`, async () => {
    await Promise.all([1, 2, 3].map(async (seed) => {
      const score = await scoreOf(`synthetic://${name}?frames=90&size=640x360&fps=15&seed=${seed}`);
      console.log(`${name} ${seed}: recall ${score.recall.toFixed(3)}, precision ${score.precision.toFixed(3)}, mean IoU ${score.meanIou.toFixed(3)} over ${score.truths} objects`);
      assert.ok(score.truths > 120, `seed ${seed}: ${score.truths} objects are true`);
      assert.ok(score.recall >= 0.9 && score.precision >= 0.8, `seed ${seed}: recall ${score.recall}, precision ${score.precision}`);
    }));
  });
}

test.run();
