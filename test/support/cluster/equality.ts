import { join } from 'node:path';
import { makeClipFile } from '../clip.ts';
import { VtoRun, until } from '../vto-run.ts';
import type { Cluster, WantedCamera } from './cluster.ts';
import { differences, frameRecords, type FrameRecord } from './frame-records.ts';
import { TopicTail } from './topic-tail.ts';

/** What is played through both. */
export interface EqualityOptions { readonly cameraCount: number; readonly fps: number; readonly seconds: number; readonly folder: string }

const SIZE = { width: 320, height: 240 } as const;
const LIMIT_MS = 300_000;
/** However slow the machine is, no frame may be left out: then the runs could not be compared. */
export const UNHURRIED = { VTO__VISION__STALENESS_MS: '600000', VTO__VISION__CATCH_UP_MS: '600000', VTO__VISION__MAX_REWIND_MS: '600000', VTO__VISION__GATE: 'off' } as const;

type Frames = ReadonlyMap<string, ReadonlyMap<number, FrameRecord>>;

/** The files that are played, made once. A gateway takes them as cameras when its `--allow-stream` names them. */
export async function equalityClips({ cameraCount, fps, seconds }: Omit<EqualityOptions, 'folder'>): Promise<readonly WantedCamera[]> {
  const cameras: WantedCamera[] = [];
  for (let index = 0; index < cameraCount; index++) {
    const graph = `testsrc2=s=$size:r=$fps,hue=h=${index * 40},noise=alls=${4 + index}:allf=t:all_seed=${index + 1}`;
    cameras.push({ id: `camera-${index + 1}`, uri: await makeClipFile({ ...SIZE, fps, frames: Math.round(fps * seconds), gop: 2 * fps, bFrames: index % 3, graph }) });
  }
  return cameras;
}

/** Plays the same files, once, through the cluster and through one process, and compares what was detected frame for frame. Prints the verdict. */
export async function checkEqual(cluster: Cluster, { cameraCount, fps, seconds, folder }: EqualityOptions): Promise<boolean> {
  const frames = Math.round(fps * seconds);
  const cameras = await equalityClips({ cameraCount, fps, seconds });
  for (const camera of cameras) await cluster.addCamera(camera);
  const startedAt = performance.now();
  const inCluster = await collect(cluster.gateway.url, cameras, frames);
  console.log(`cluster: ${cameraCount} cameras with ${frames} frames each ended after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  await printBytes(cluster, seconds);
  const run = await VtoRun.start({ data: join(folder, 'alone'), cameras: Object.fromEntries(cameras.map(({ id, uri }) => [id, uri])), env: UNHURRIED });
  try {
    return verdict(cameras, inCluster, await collect(run.url, cameras, frames));
  } finally {
    await run.stop();
  }
}

/** Waits until every frame of every camera has its record. */
export async function collect(url: string, cameras: readonly WantedCamera[], frames: number): Promise<Frames> {
  const all = new Map<string, ReadonlyMap<number, FrameRecord>>();
  for (const { id } of cameras) {
    const records = await until(async () => {
      const found = await frameRecords(url, id);
      return found.size >= frames && found;
    }, `${frames} records of ${id}`, LIMIT_MS).catch(async (error: unknown) => { throw new Error(`${id} has ${(await frameRecords(url, id)).size} of ${frames} records`, { cause: error }); });
    all.set(id, records);
  }
  return all;
}

/** Prints and says whether two runs were equal, of frames with boxes that were all detected on. */
export function verdict(cameras: readonly WantedCamera[], inCluster: Frames, alone: Frames): boolean {
  const none: ReadonlyMap<number, FrameRecord> = new Map();
  const found = cameras.flatMap(({ id }) => differences(id, inCluster.get(id) ?? none, alone.get(id) ?? none));
  const all = [...alone.values()].flatMap((records) => [...records.values()]);
  const boxes = all.reduce((sum, record) => sum + (record.boxes?.length ?? 0), 0);
  const detected = all.filter(({ end }) => end === 'detected').length;
  for (const difference of found.slice(0, 10)) console.log(`  ${difference}`);
  const isEqual = found.length === 0 && detected === all.length && boxes > 0;
  console.log(`${isEqual ? 'EQUAL' : 'NOT EQUAL'}: ${all.length} frames of ${cameras.length} cameras, ${detected} detected, ${boxes} boxes in one process; ${found.length} frames differ in the cluster`);
  return isEqual;
}

async function printBytes({ options: { brokers, topicPrefix, partitions, env } }: Cluster, seconds: number): Promise<void> {
  const topics = ['chunks', ...(env?.['VTO__VISION__IS_SPLIT'] === 'true' ? ['features'] : []), 'detections'];
  const rates: string[] = [];
  for (const topic of topics) {
    const tail = new TopicTail(brokers, `${topicPrefix}.${topic}`, partitions);
    await tail.read(() => undefined);
    rates.push(`${topic} ${(tail.sizeBytes / seconds / 1000).toFixed(1)} kB/s`);
  }
  console.log(`on Kafka, a second of video: ${rates.join(', ')}`);
}
