import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PATIENT, withSite } from '../support/three-cameras.ts';
import { judge } from '../support/ledger-oracle.ts';
import { until } from '../support/vto-run.ts';

const FPS = 15;
const PART_MS = 200;
const LONG = { fps: FPS, gop: 300, frames: 300 };

interface Chunks { readonly chunks: readonly { readonly contentHash: string | null }[] }

test('a GOP of 20 s killed in its middle loses one part at most, and every frame before has its record', () => withSite({ ids: ['gate'], clip: LONG, beginsWhenPlaying: true, env: PATIENT }, async (site) => {
  await site.moreFrames(5 * FPS);
  const killedAt = site.kill('root');
  await site.run.gone();
  await site.startAgain();
  await until(async () => (await site.run.get<Chunks>('/api/v1/chunks?camera=gate'))?.chunks.some((chunk) => typeof chunk.contentHash === 'string'), 'the torn chunk is finished');
  await until(async () => (await site.run.cameras()).some(({ counts }) => counts.received > 0 && counts.received === counts.detected + Object.values(counts.dropped).reduce((a, b) => a + b, 0)), 'every frame has a record');
  await site.run.stop();
  const sent = (await site.server.sent('gate')).filter(({ sentAtMicros }) => sentAtMicros < killedAt);
  const verdict = await judge({ data: site.run.data, camera: 'gate', sent: await site.server.sent('gate'), stoppedAtMicros: killedAt - PART_MS * 1000, frameMs: 1000 / FPS, isAtRest: true });
  const lost = sent.length - verdict.received;
  console.log(`  sent before the kill ${sent.length}, recorded ${verdict.received}, lost ${lost} (one part is ${PART_MS / 1000 * FPS} frames); detected ${verdict.detected}, dropped ${JSON.stringify(verdict.dropped)}`);
  assert.equal(verdict.problems, []);
  assert.ok(lost <= PART_MS / 1000 * FPS + 1, `${lost} frames lost: one part, and the one that libav's parser holds`);
  assert.is(verdict.detected, verdict.received);
}));

test.run();
