// `npm run cluster [-- --check] [--split] [--cameras N] [--fps N] [--seconds N] [--kafka HOST:PORT]`: a cluster on this machine by one command.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { WantedCamera } from '../support/cluster/cluster.ts';
import { checkEqual, equalityClips, UNHURRIED } from '../support/cluster/equality.ts';
import { startCluster } from '../support/cluster/start-cluster.ts';
import { startKafka } from '../support/kafka/start-kafka.ts';
import { until } from '../support/vto-run.ts';

const { values } = parseArgs({
  options: {
    cameras: { type: 'string', default: '6' }, fps: { type: 'string', default: '5' }, seconds: { type: 'string' },
    kafka: { type: 'string' }, split: { type: 'boolean', default: false }, check: { type: 'boolean', default: false },
  },
});
const [cameraCount, fps] = [Number(values.cameras), Number(values.fps)];
const folder = mkdtempSync(join(tmpdir(), 'vto-cluster-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let isUp = false;
const interrupted = new Promise<void>((resolve) => { for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve()); });
void interrupted.then(() => { if (!isUp) process.exit(130); }); // nodes and broker end with this process

const kafka = values.kafka === undefined ? await startKafka() : undefined;
const brokers = kafka?.brokers ?? values.kafka?.split(',') ?? [];
console.log(`Kafka ${kafka?.version ?? ''} at ${brokers.join(', ')}`);
const checked = { cameraCount, fps, seconds: Number(values.seconds ?? 20), folder };
const clips = values.check ? await equalityClips(checked) : [];
const startedAt = performance.now();
const cluster = await startCluster({ brokers, folder, isSplit: values.split, env: values.check ? UNHURRIED : {}, args: clips.flatMap(({ uri }) => ['--allow-stream', uri]) })
  .catch(async (error: unknown) => { await kafka?.close(); throw error; });
isUp = true;
let isStopping = false;
const stop = async (): Promise<void> => {
  if (isStopping) return;
  isStopping = true;
  console.log('stopping …');
  await cluster.stopAll().finally(() => cluster.killAll());
  await kafka?.close();
};

/** One line a camera on a terminal, in place; one line in all elsewhere. */
async function summary(shownLines: number): Promise<number> {
  const cameras = await cluster.cameras();
  const lines = cameras.map(({ id, state, counts }) => `${id.padEnd(12)} ${state.padEnd(10)} received ${String(counts.received).padStart(7)}  detected ${String(counts.detected).padStart(7)}  dropped ${JSON.stringify(counts.dropped)}`);
  if (process.stdout.isTTY) process.stdout.write(`${shownLines > 0 ? `\u001b[${shownLines}A\u001b[0J` : ''}${lines.join('\n')}\n`);
  else console.log(cameras.map(({ id, counts }) => `${id} ${counts.detected}/${counts.received}`).join('  '));
  return lines.length;
}

async function show(cameras: readonly WantedCamera[]): Promise<void> {
  for (const camera of cameras) await cluster.addCamera(camera);
  await Promise.race([interrupted, until(async () => {
    const states = await cluster.cameras();
    return states.length === cameras.length && states.every(({ state, counts }) => state === 'live' && counts.detected > 0);
  }, 'every camera is detected on', 120_000)]);
  console.log(`every camera is live and detected on; try: curl -N '${cluster.gateway.url}/api/v1/infer?stream=${cameras[0]?.id}'; Ctrl-C stops`);
  const end = performance.now() + Number(values.seconds ?? Infinity) * 1000;
  let isOver = false;
  void interrupted.then(() => { isOver = true; });
  for (let lines = 0; !isOver && performance.now() < end;) {
    lines = await summary(lines);
    await Promise.race([interrupted, new Promise((resolve) => { setTimeout(resolve, process.stdout.isTTY ? 1000 : 5000); })]);
  }
}

try {
  console.log(`${cluster.names.length} nodes ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${cluster.names.join(', ')}`);
  console.log(`API ${cluster.gateway.url}/api/v1/cameras`);
  if (values.check) process.exitCode = await checkEqual(cluster, checked) ? 0 : 1;
  else await show(Array.from({ length: cameraCount }, (_, index) => ({ id: `camera-${index + 1}`, uri: `synthetic://${index % 2 === 0 ? 'street' : 'yard'}?size=320x180&fps=${fps}&seed=${index + 1}` })));
} finally {
  await stop();
}
