import * as assert from 'uvu/assert';
import { at } from '../ledger-oracle.ts';
import { checkBoundaries, isWarmingUp, MemoryWatch, modelsFile, MODELS, pausesOf, printSwitches, putModel, textOf, untilActive, untilSeen } from '../swaps.ts';
import { wallMicros, type VtoRun } from '../vto-run.ts';
import { ChaosSite } from './chaos-site.ts';

const RSS_GROWTH_MAX = 0.05;
const RSS_SWAPS_MIN = 20;
const DETECTORS = ['detector-1', 'detector-2'] as const;

/** What tells that the consumer group heard of a change: partitions that were read again, or taken over. */
async function disturbances(runs: readonly VtoRun[]): Promise<number> {
  const pages = await Promise.all(runs.map(run => textOf(run, '/metrics')));
  return pages.flatMap(page => [...page.matchAll(/^visutility_(?:partition_rewinds|partitions_fenced)_total\{[^}]*\} (\d+)$/gm)]).reduce((sum, [, count]) => sum + Number(count), 0);
}

/**
 * Changes the model of a cluster so often through its gateway: two detector nodes follow the topic, each below its consumer group. Judged by the topics:
 * one record a frame under read_committed, no rebalance, no reading again.
 */
export async function runClusterSwaps({ count }: { readonly count: number }): Promise<void> {
  const file = await modelsFile();
  const site = await ChaosSite.open(['--config', file]);
  try {
    const { cluster, clients } = site;
    const detectors = DETECTORS.map(name => cluster.node(name));
    assert.is((await putModel(cluster.gateway, 'nobody@1')).status, 404);
    const spans: [number, number][] = [];
    const models: string[] = [MODELS[0]];
    const watch = new MemoryWatch(detectors);
    const startedMs = performance.now();
    const disturbedBefore = await disturbances(detectors);
    for (let swap = 0, warm = 0; swap < count + warm; swap += 1) {
      if (swap % MODELS.length === 0 && isWarmingUp(count, startedMs)) { warm = swap; watch.forget(); }
      if (swap % MODELS.length === 0) watch.look();
      const model = MODELS[(swap + 1) % 2] ?? MODELS[0];
      const from = wallMicros();
      const { status, body } = await putModel(cluster.gateway, model);
      assert.is(status, 202, body);
      await untilActive(detectors, model);
      spans.push([from, wallMicros()]);
      models.push(model);
      await untilSeen(clients, model);
      if (swap % 10 === 9) console.log(`  ${swap + 1} swaps`);
    }
    watch.look();
    const memory = watch.compare();
    assert.is(await disturbances(detectors), disturbedBefore, 'no partition was read again or taken over');
    for (const run of detectors) printSwitches(await textOf(run, '/metrics'));
    checkBoundaries(clients, models);
    const verdicts = await site.judgeAtRest();
    for (const { camera, losses, dropped } of verdicts) {
      assert.equal(losses, [], `${camera} lost nothing`);
      assert.is(dropped['undecodable'] ?? 0, 0, `${camera}: each new process begins where it can decode`);
    }
    const took = spans.map(([from, to]) => (to - from) / 1000).sort((a, b) => a - b);
    const pauses = pausesOf(clients, spans);
    console.log(`  ${spans.length} swaps on 2 detector nodes under ${clients.length} cameras, Kafka ${site.kafka.version}: each took p50 ${at(took, 0.5).toFixed(0)}, p99 ${at(took, 0.99).toFixed(0)} ms; extra age of frames at a swap p50 ${at(pauses, 0.5).toFixed(1)}, p99 ${at(pauses, 0.99).toFixed(1)} ms; detector nodes: ${memory.text}`);
    if (count >= RSS_SWAPS_MIN) assert.ok(memory.growth <= RSS_GROWTH_MAX, memory.text);
  } catch (error) {
    for (const name of site.cluster.names) console.log(`--- ${name}\n${site.cluster.node(name).output.split('\n').filter((line) => !/^\d+ cameras? /.test(line)).slice(-25).join('\n')}`);
    throw error;
  } finally {
    await site.close();
  }
}
