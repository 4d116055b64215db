import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describe, judge } from '../support/ledger-oracle.ts';
import { RecordClient } from '../support/record-client.ts';
import { spawnRtspServer } from '../support/rtsp-server-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withinBound } from '../support/slack.ts';
import { until, VtoRun, wallMicros } from '../support/vto-run.ts';

const FPS = 15;
const GOP = 15;

test('x', async () => {
  const server = await spawnRtspServer();
  const ids = ['a', 'b', 'c'];
  const cameras = Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await server.add(id, { fps: FPS, gop: GOP, frames: 90 })] as const)));
  const run = await VtoRun.start({ data: temporaryFolder(), cameras });
  const clients = ids.map((id) => new RecordClient(run, id));
  await run.live(ids);
  await new Promise((r) => setTimeout(r, 2000));
  for (const who of (process.env['KILL'] ?? 'vision-0,ingest-0,store').split(',')) {
    const at = run.kill(who);
    const ms = await until(() => { const times = clients.map((c) => c.lines.find((l) => l.kind === 'detected' && Date.parse(l.capturedAt) * 1000 > at)?.seenAtMicros); return times.every((t) => t !== undefined) ? Math.max(...times.map((t) => t ?? 0)) - at : undefined; }, 'detections again');
    console.log(who, 'detections of frames after it on all cameras after', ms / 1000);
    await new Promise((r) => setTimeout(r, 2000));
  }
  const stoppedAtMicros = wallMicros();
  const { ms, code } = await run.stop();
  console.log('stop', ms, code);
  await Promise.all(clients.map((client) => client.close()));
  console.log(run.output.slice(-4000));
  for (const client of clients) {
    const verdict = await judge({ data: run.data, camera: client.camera, sent: await server.sent(client.camera), stoppedAtMicros, frameMs: 1000 / FPS, lines: client.lines, isAtRest: true });
    console.log(describe(client.camera, verdict), client.connections);
    console.log(verdict.problems, verdict.losses);
  }
  await server.close();
});
test.run();
