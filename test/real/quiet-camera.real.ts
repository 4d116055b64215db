import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sceneGraph } from '../../src/ingress/scene-graph.ts';
import { createChunkWriter, openGeneratedReader } from '../../src/media/index.ts';
import type { CameraView } from '../../src/serving-ops/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto } from '../support/vto-process.ts';
import { until, VtoRun } from '../support/vto-run.ts';
import { visitedYard } from '../support/visited-yard.ts';

const FPS = 15;
const LEARNT_MS = 90_000;

/** A file of `seconds` of the yard with its visitors. */
async function recordYard(path: string, seconds: number): Promise<string> {
  const reader = await openGeneratedReader({
    graph: sceneGraph(visitedYard({ width: 640, height: 360 }), FPS), frameRate: FPS, frames: seconds * FPS,
    encoder: { codec: 'h264', preset: 'superfast', gop: 2 * FPS, bitrate: 7_000_000, extra: { crf: '27', tune: 'zerolatency' } },
  });
  const writer = await createChunkWriter(path, reader.parameters);
  for (let packet = await reader.read(); packet; packet = await reader.read()) await writer.write(packet);
  await writer.close();
  await reader.close();
  return path;
}

const droppedOf = ({ counts }: CameraView, reason: 'quiet'): number => counts.dropped[reason] ?? 0;

test('a quiet camera says so, ends its frames as quiet, opens for visitors, and its ledger stays exact when vision is killed in the middle of a GOP', async () => {
  const folder = temporaryFolder();
  const run = await VtoRun.start({ data: join(folder, 'data'), cameras: { yard: await recordYard(join(folder, 'yard.mp4'), 240) } });
  try {
    const camera = async (): Promise<CameraView | undefined> => (await run.cameras()).find(({ id }) => id === 'yard') as CameraView | undefined;
    const quiet = (): Promise<CameraView> => until(async () => { const view = await camera(); return view?.gate?.state === 'quiet' && view; }, 'the camera is quiet', LEARNT_MS);
    assert.ok((await quiet()).gate!.score >= 1);
    const first = droppedOf(await until(async () => { const view = await camera(); return view && droppedOf(view, 'quiet') > 100 && view; }, 'frames end as quiet'), 'quiet');
    await until(async () => (await camera())?.gate?.state === 'active', 'a visitor opens it', LEARNT_MS);
    const metrics = await (await fetch(`${run.url}/metrics`)).text();
    assert.match(metrics, /visutility_gate_wakes_total\{[^}]*camera="yard"[^}]*\} [1-9]/);
    await quiet();
    run.kill('vision-0');
    await until(async () => (await camera())?.gate?.state === 'active', 'the next vision process knows nothing', 20_000);
    await quiet();
    await until(async () => { const view = await camera(); return view && droppedOf(view, 'quiet') > first + 200; }, 'frames end as quiet again');
    assert.is((await run.stop()).code, 0);
  } finally {
    run.killAll();
  }
  const { code, stdout } = await runVto(['verify', '--data', join(folder, 'data')]);
  assert.is(code, 0, stdout);
});

test.run();
