import * as assert from 'uvu/assert';
import { seededRandom } from '../../../src/engine/seeded-random.ts';
import { runVto } from '../vto-process.ts';
import { wallMicros } from '../vto-run.ts';
import { ChaosSite } from './chaos-site.ts';
import { ALL, SHORT, SINGLE_KILLS, type Fault, type Strike } from './faults.ts';
import type { TopicVerdict } from './topic-oracle.ts';

/** How long and by which dice. */
export interface ClusterChaosOptions {
  readonly seed: number;
  readonly isShort: boolean;
  /** Random kills after the stated faults. */
  readonly randomKills: number;
  /** Only faults whose name matches this regular expression. */
  readonly only?: string | undefined;
}

/**
 * Strikes a cluster with faults and judges after each, from outside: sent = received + gaps, one record a frame under read_committed, gaps only
 * where a fault explains them. Fails with the seed.
 */
export async function runClusterChaos({ seed, isShort, randomKills, only = '' }: ClusterChaosOptions): Promise<void> {
  console.log(`cluster chaos: seed ${seed}`);
  const random = seededRandom(seed);
  const site = await ChaosSite.open();
  const strikes: Strike[] = [];
  try {
    console.log(`  6 cameras, Kafka ${site.kafka.version}: ${describePartitions(await site.judge())}`);
    for (const fault of (isShort ? SHORT : ALL).filter(({ name }) => new RegExp(only).test(name))) strikes.push(await strike(site, fault, strikes));
    for (let count = 0; count < randomKills; count++) {
      await new Promise((resolve) => { setTimeout(resolve, random.next() * 4000); });
      const fault = SINGLE_KILLS[Math.floor(random.next() * SINGLE_KILLS.length)];
      if (fault !== undefined) strikes.push(await strike(site, fault, strikes));
    }
    const verdicts = await site.judgeAtRest();
    for (const verdict of verdicts) console.log(describe(verdict));
    checkLosses(verdicts, strikes);
    await audit(site);
    console.log(`  ${strikes.length} faults, 0 lost, 0 duplicated under read_committed`);
  } catch (error) {
    for (const name of site.cluster.names) console.log(`--- ${name}\n${site.cluster.node(name).output.split('\n').filter((line) => !/^\d+ cameras? /.test(line)).slice(-25).join('\n')}`);
    throw new Error(`seed ${seed}, after ${strikes.at(-1)?.name ?? 'the start'}: ${reasonsOf(error).slice(0, 2000)}`, { cause: error });
  } finally {
    await site.close();
  }
}

/** What was thrown and why, in words: the runner shows the message only. */
function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonsOf(error.cause)}`;
}

async function strike(site: ChaosSite, fault: Fault, before: readonly Strike[]): Promise<Strike> {
  const startedAt = wallMicros();
  const at = await fault.strike(site);
  const { backMs, slowest } = await site.timesBack(at, fault.mayCost === 'none' ? site.ids : site.idsWithShortGop); // a session begins with a key frame
  await fault.mend?.(site);
  await site.detectedAgain(wallMicros());
  const done: Strike = { name: fault.name, at: startedAt, backMs, mayCost: fault.mayCost, endedAt: wallMicros(), ...fault.targetMs === undefined ? {} : { targetMs: fault.targetMs } };
  const verdicts = await site.judge();
  const lost = checkLosses(verdicts, [...before, done]);
  const target = fault.targetMs === undefined ? '' : ` (target ${fault.targetMs} ms and the decoding of the rewind${backMs > fault.targetMs ? ', MISSED' : ''})`;
  console.log(`  ${fault.name}: new frames of all cameras detected and with the client after ${backMs.toFixed(0)} ms (the last was ${slowest})${target}; ${lost}; nothing lost, nothing twice`);
  return done;
}

/** Every loss lies in a fault that may cost frames, and of one that moves cameras only the moved have a loss. Says what the last one cost. */
function checkLosses(verdicts: readonly TopicVerdict[], strikes: readonly Strike[]): string {
  const isIn = ({ losses }: TopicVerdict, { at, endedAt }: Strike): boolean => losses.some(({ fromMicros, toMicros }) => toMicros >= at && fromMicros <= endedAt);
  for (const verdict of verdicts) {
    for (const loss of verdict.losses) {
      const why = strikes.find((one) => one.mayCost !== 'none' && loss.toMicros >= one.at && loss.fromMicros <= one.endedAt);
      assert.ok(why, `${verdict.camera} lost ${loss.sentFrames} frames in ${loss.ms.toFixed(0)} ms, and no fault explains it`);
    }
  }
  for (const one of strikes.filter(({ mayCost }) => mayCost === 'three')) {
    const hit = verdicts.filter((verdict) => isIn(verdict, one));
    const partitions = new Set(hit.map(({ partition }) => partition));
    assert.ok(partitions.size <= 1, `${one.name} cost frames of cameras in ${partitions.size} partitions: ${hit.map(({ camera }) => camera).join(', ')}`);
  }
  const last = strikes.at(-1);
  const costs = last === undefined ? [] : verdicts.filter((verdict) => isIn(verdict, last)).map(({ camera, losses }) => `${camera} ${Math.max(...losses.filter(({ toMicros }) => toMicros >= last.at).map(({ ms }) => ms)).toFixed(0)} ms`);
  return costs.length === 0 ? 'no gap' : `gaps: ${costs.join(', ')}`;
}

/** The platform's own audit of the topics agrees. */
async function audit(site: ChaosSite): Promise<void> {
  const { brokers, topicPrefix } = site.cluster.options;
  const { code, stdout, stderr } = await runVto(['verify', ...brokers.flatMap((broker) => ['--kafka', broker])], { VTO__KAFKA__TOPIC_PREFIX: topicPrefix });
  console.log(stdout.split('\n').slice(-6).map((line) => `  | ${line}`).join('\n'));
  assert.is(code, 0, `vto verify --kafka: ${stdout.slice(-1500)} ${stderr.slice(-1500)}`);
}

function describePartitions(verdicts: readonly TopicVerdict[]): string {
  const byPartition = Map.groupBy(verdicts, ({ partition }) => partition);
  assert.equal([...byPartition.values()].map(({ length }) => length), [3, 3]);
  return [...byPartition].map(([partition, cameras]) => `partition ${partition}: ${cameras.map(({ camera }) => camera).join(' ')}`).join('; ');
}

function describe({ camera, sent, received, losses, detected, dropped, epochs, overlap, overstated }: TopicVerdict): string {
  const lost = losses.reduce((sum, { sentFrames }) => sum + sentFrames, 0);
  return `  ${camera}: sent ${sent} = received ${received} + in ${losses.length} gaps ${lost} + tail; detected ${detected}, dropped ${JSON.stringify(dropped)}; ${epochs} epochs, ${overlap} frames recorded by two nodes${overstated > 0 ? `, ${overstated} gap events OVERSTATED` : ''}`;
}
