import { createServer, type Server } from 'node:net';
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withinBound } from '../support/slack.ts';
import { checkDetected, PATIENT, withSite } from '../support/three-cameras.ts';
import { until } from '../support/vto-run.ts';

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', () => resolve()); });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const LIVE_WITHIN_MS = 5000;

test('cameras that are unreachable, silent, senseless or gone delay no other one, at the start or later', async () => {
  const silent = createServer(() => { /* takes the connection and says nothing */ });
  const senseless = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const timer = setInterval(() => { socket.write(randomBytes(2048)); }, 20);
    socket.on('close', () => clearInterval(timer));
  });
  const others = {
    refused: 'rtsp://127.0.0.1:9/none', silent: `rtsp://127.0.0.1:${await listening(silent)}/x`, senseless: `rtsp://127.0.0.1:${await listening(senseless)}/x`,
    nofile: 'file:///nowhere/at/all.mp4', 'no-such-scheme': 'gopher://127.0.0.1/1',
  };
  const startMs = performance.now();
  try {
    await withSite({ ids: ['gate', 'dock', 'hung', 'gone', 'noisy'], others, env: { ...PATIENT, VTO__INGRESS__RECONNECT_BACKOFF_MAX_MS: '1000' } }, async (site) => {
      withinBound('every good camera detected on, from the start of the program', performance.now() - startMs, LIVE_WITHIN_MS);
      const good = ['gate', 'dock'];
      await site.server.fault('hung', { kind: 'stall' });
      await site.server.fault('noisy', { kind: 'garbage' });
      await site.server.fault('gone', { kind: 'refuse' });
      await site.server.fault('gone', { kind: 'close' });
      await until(async () => (await site.run.cameras()).filter(({ id, state }) => ['hung', 'gone'].includes(id) && state === 'retrying').length === 2, 'the bad ones are noticed');
      const at = await site.detectedAgain(performance.timeOrigin * 1000 + performance.now() * 1000, good);
      console.log(`  a new frame of the good ones detected ${at.toFixed(0)} ms later, while the others fail`);
      const clearedAt = Math.round((performance.timeOrigin + performance.now()) * 1000);
      for (const id of ['hung', 'gone', 'noisy']) await site.server.clear(id);
      withinBound('all back after the faults ended', await site.detectedAgain(clearedAt), LIVE_WITHIN_MS);
      const states = await site.run.cameras();
      for (const id of ['refused', 'silent', 'senseless']) assert.ok(['retrying', 'connecting'].includes(states.find((camera) => camera.id === id)?.state ?? ''), `${id} is ${states.find((camera) => camera.id === id)?.state}`);
      for (const id of ['nofile', 'no-such-scheme']) assert.ok(['retrying', 'failed'].includes(states.find((camera) => camera.id === id)?.state ?? ''), `${id} is ${states.find((camera) => camera.id === id)?.state}`);
      const { verdicts, stopMs } = await site.judge();
      withinBound('stop with bad cameras', stopMs, 3000);
      for (const [index, { problems, losses }] of verdicts.entries()) {
        const id = site.ids[index] ?? '';
        if (id === 'noisy') continue; // bytes between the frames may take some with them: that is loss on the way, not ours
        assert.equal(problems, [], id);
        assert.is(losses.length, good.includes(id) ? 0 : 1, `${id}: its outage is one gap`);
      }
      checkDetected(verdicts.slice(0, 2));
    });
  } finally {
    silent.close();
    senseless.close();
  }
});

test.run();
