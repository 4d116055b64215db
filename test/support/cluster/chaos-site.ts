import { RecordClient } from '../record-client.ts';
import { spawnRtspServer, type RtspServerProcess } from '../rtsp-server-process.ts';
import { startKafka, type Kafka } from '../kafka/start-kafka.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import type { ClipOptions } from '../clip.ts';
import { until, wallMicros } from '../vto-run.ts';
import { Cluster } from './cluster.ts';
import { TopicOracle, type TopicVerdict } from './topic-oracle.ts';

const FPS = 5;
const FRAME_MS = 1000 / FPS;
const CLIP = { fps: FPS, gop: FPS, frames: 60, width: 320, height: 240, bFrames: 2 } as const satisfies ClipOptions;
/** A key frame every 20 s. */
const LONG_GOP = { ...CLIP, gop: 20 * FPS, frames: 40 * FPS } as const satisfies ClipOptions;

/** Two partitions; by murmur2 of their names three of the cameras lie in each. */
export const PARTITIONS = 2;
/** The cameras and what they play. */
export const CAMERAS: Readonly<Record<string, ClipOptions>> = { gate: CLIP, roof: CLIP, lane: LONG_GOP, dock: CLIP, yard: CLIP, hall: { ...CLIP, codec: 'hevc' } };
/** Session time-out of the groups: a node that is not heard of for so long is given up. */
export const SESSION_MS = 6000;

/** A slow machine is not what is judged: frames may wait, and a rewind may reach back behind the longest GOP. */
const SETTINGS = {
  VTO__VISION__STALENESS_MS: '10000', VTO__VISION__CATCH_UP_MS: '60000', VTO__VISION__MAX_REWIND_MS: '60000',
  VTO__KAFKA__SESSION_TIMEOUT_MS: String(SESSION_MS),
  VTO__INGRESS__CONNECT_TIMEOUT_MS: '25000', // a first key frame may be 20 s away
} as const;

const JUDGE_LIMIT_MS = 40_000;

/** A broker, six cameras, one camera node, two detector nodes, a gateway, a client that follows every camera, and an oracle that reads the topics. */
export class ChaosSite {
  readonly kafka: Kafka;
  readonly server: RtspServerProcess;
  readonly cluster: Cluster;
  readonly clients: readonly RecordClient[];
  readonly #oracle: TopicOracle;

  private constructor(kafka: Kafka, server: RtspServerProcess, cluster: Cluster) {
    this.kafka = kafka;
    this.server = server;
    this.cluster = cluster;
    this.clients = Object.keys(CAMERAS).map((id) => new RecordClient(cluster.gateway, id));
    this.#oracle = new TopicOracle(kafka.brokers, cluster.options.topicPrefix, PARTITIONS);
  }

  /** Starts all of it and resolves when every camera is detected on. */
  static async open(args: readonly string[] = []): Promise<ChaosSite> {
    const [kafka, server] = await Promise.all([startKafka(), spawnRtspServer()]);
    const cluster = new Cluster({ brokers: kafka.brokers, topicPrefix: 'chaos', folder: temporaryFolder(), partitions: PARTITIONS, env: SETTINGS, args });
    try {
      await Promise.all([cluster.start('gateway', 'gateway'), cluster.start('camera-1', 'camera,recorder'), cluster.start('detector-1', 'detector'), cluster.start('detector-2', 'detector')]);
      await cluster.ready();
      for (const [id, clip] of Object.entries(CAMERAS)) await cluster.addCamera({ id, uri: await server.add(id, clip) });
      const site = new ChaosSite(kafka, server, cluster);
      await site.detectedAgain(wallMicros(), 90_000);
      return site;
    } catch (error) {
      for (const name of cluster.names) console.log(`--- ${name}\n${cluster.node(name).output.slice(-3000)}`);
      cluster.killAll();
      await Promise.all([server.close(), kafka.close()]);
      throw error;
    }
  }

  /** Cameras as their names. */
  get ids(): readonly string[] { return Object.keys(CAMERAS); }

  /** Cameras with a key frame a second. */
  get idsWithShortGop(): readonly string[] { return this.ids.filter((id) => CAMERAS[id] !== LONG_GOP); }

  /** Milliseconds from `sinceMicros` until a frame captured after it was detected on every camera and seen by its client. */
  async detectedAgain(sinceMicros: number, limitMs = 90_000, ids: readonly string[] = this.ids): Promise<number> {
    const seen = await until(() => {
      const times = this.clients.filter(({ camera }) => ids.includes(camera)).map(({ lines }) => firstAfter(lines, sinceMicros));
      return times.every((time) => time !== undefined) ? Math.max(...times.map((time) => time ?? 0)) : undefined;
    }, 'every camera is detected on again', limitMs).catch((error: unknown) => {
      const missing = this.clients.filter(({ camera, lines }) => ids.includes(camera) && firstAfter(lines, sinceMicros) === undefined);
      throw new Error(`not detected on again: ${missing.map(({ camera, lines }) => `${camera} (last ${lines.at(-1)?.capturedAt} ${lines.at(-1)?.kind})`).join(', ')}`, { cause: error });
    });
    return (seen - sinceMicros) / 1000;
  }

  /** As `detectedAgain`, with the camera that took longest. */
  async timesBack(sinceMicros: number, ids: readonly string[]): Promise<{ readonly backMs: number; readonly slowest: string }> {
    const backMs = await this.detectedAgain(sinceMicros, 120_000, ids);
    const slowest = this.clients.filter(({ camera }) => ids.includes(camera)).map(({ camera, lines }) => ({ camera, at: firstAfter(lines, sinceMicros) ?? 0 })).toSorted((a, b) => b.at - a.at)[0];
    return { backMs, slowest: slowest?.camera ?? '' };
  }

  /** The gateway is another process now: the clients go on there. */
  moveClients(): void {
    for (const client of this.clients) client.moveTo(this.cluster.gateway);
  }

  /** Judges every camera by the topics as they are; what is on its way may take its time. Fails with the problems that stay. */
  async judge(): Promise<readonly TopicVerdict[]> {
    return this.#judge({ stoppedAtMicros: 0, frameMs: FRAME_MS, isAtRest: false });
  }

  /** Ends the cameras' nodes, lets the rest finish, and judges all of it. */
  async judgeAtRest(): Promise<readonly TopicVerdict[]> {
    const stoppedAtMicros = wallMicros();
    for (const name of this.cluster.names.filter((name) => name.startsWith('camera'))) await this.cluster.stop(name);
    const verdicts = await this.#judge({ stoppedAtMicros, frameMs: FRAME_MS, isAtRest: true });
    await this.#checkClients();
    await this.cluster.stopAll();
    return verdicts;
  }

  async close(): Promise<void> {
    this.cluster.killAll();
    await Promise.all(this.clients.map((client) => client.close()));
    await this.server.close();
    await this.kafka.close();
  }

  async #judge(how: { readonly stoppedAtMicros: number; readonly frameMs: number; readonly isAtRest: boolean }): Promise<readonly TopicVerdict[]> {
    let verdicts: readonly TopicVerdict[] = [];
    await until(async () => {
      await this.#oracle.update();
      const sent = await Promise.all(this.ids.map((id) => this.server.sent(id))); // after what was received
      verdicts = this.ids.map((id, index) => this.#oracle.judge(id, sent[index] ?? [], how));
      return verdicts.every(({ problems }) => problems.length === 0);
    }, 'the oracle finds nothing wrong', JUDGE_LIMIT_MS).catch((error: unknown) => {
      throw new Error(verdicts.flatMap(({ camera, problems }) => problems.slice(0, 5).map((problem) => `${camera}: ${problem.slice(0, 600)}`)).join('\n'), { cause: error });
    });
    return verdicts;
  }

  /** What the clients read is each record once, and all of those that lie on Kafka. */
  async #checkClients(): Promise<void> {
    for (const { camera, lines } of this.clients) {
      const frames = new Set<string>();
      let repeats = 0;
      for (const line of lines) {
        const [from, to] = line.kind === 'detected' ? [line.frameSeq, line.frameSeq] : [line.from, line.to];
        for (let seq = from; seq <= to; seq += 1) {
          const id = `${line.epoch}/${seq}`;
          if (frames.has(id)) repeats += 1;
          frames.add(id);
        }
      }
      if (repeats > 0) throw new Error(`the client of ${camera} read ${repeats} frames twice`);
      await until(() => this.#oracle.recordCount(camera) <= countFrames(lines), `the client of ${camera} has all ${this.#oracle.recordCount(camera)} frames`, JUDGE_LIMIT_MS);
    }
  }
}

function firstAfter(lines: RecordClient['lines'], micros: number): number | undefined {
  const isAfter = (line: RecordClient['lines'][number]): boolean => line.kind === 'detected' && Date.parse(line.capturedAt) * 1000 > micros;
  const last = lines.findLast(isAfter); // the newest first: most looks end here
  return last === undefined ? undefined : lines.find(isAfter)?.seenAtMicros;
}

function countFrames(lines: RecordClient['lines']): number {
  return lines.reduce((sum, line) => sum + (line.kind === 'detected' ? 1 : line.to - line.from + 1), 0);
}
