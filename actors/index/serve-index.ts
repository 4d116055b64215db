import type { Actor } from '../../src/engine/actor.ts';
import { CommitLog } from '../../src/data-ops/commit-log.ts';
import type { PartitionLag } from '../../src/data-ops/group-lag.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { reportError } from '../../src/engine/errors.ts';
import { deferred, every, untilAborted } from '../../src/engine/timers.ts';
import { topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { KafkaNode, KafkaState } from '../../src/transports/kafka-types.ts';
import type { RoleContext } from '../process/role-process.ts';
import { retain, serveRecords } from '../store/record-service.ts';
import { POLICIES } from '../tree.ts';
import { LogFollower } from './log-follower.ts';
import { sortEvent, sortFeature, sortRecord } from './sort-records.ts';

/** Where the index lives and how it is reached. */
export interface IndexOptions {
  readonly file: string;
  readonly socket: string;
  /** Records older than this are deleted; 0: never. */
  readonly retentionMs: number;
  /** Room for features; undefined: they are not read, their topic is full of pictures. */
  readonly featuresMaxBytes?: number | undefined;
  readonly topicPrefix: string;
}

/** What the index tells the root, once a second. */
export interface IndexNote {
  readonly type: 'index';
  readonly kafka: KafkaState;
  /** What was on Kafka when the reading began is in the store. */
  readonly isCaughtUp: boolean;
  readonly lag: readonly PartitionLag[];
}

type FollowedCodecs = Pick<RecordCodecs, 'detections' | 'events' | 'features'>;

/** Where the index reads. */
export interface IndexSources {
  readonly node: KafkaNode;
  /** Resolves when the schema ids are known. */
  readonly codecs: Promise<FollowedCodecs>;
}

const NOTE_EVERY_MS = 1_000;

/** Reads what happens in the cluster into a store of this node, and serves that store. It serves what it has while the brokers are away. */
export async function serveIndex(options: IndexOptions, { node, codecs }: IndexSources, ctx: RoleContext): Promise<void> {
  const store = openSqliteStore(options.file, { clock: ctx.clock });
  const commits = new CommitLog({ keep: 1024, lastId: store.lastRecordId(), page: (after, max, camera) => store.recordsAfter(after, max, camera) });
  const link = await listenIpc({ path: options.socket, clock: ctx.clock, random: ctx.random, onError: error => ctx.log.warn({ error: reportError(error) }, 'link error') });
  serveRecords(link, store, commits);
  const followers: (Actor & Pick<LogFollower<never>, 'progress'>)[] = [];
  /** What nobody waits for before this node serves. */
  const extras: typeof followers = [];
  const failed = deferred<never>();
  failed.promise.catch(() => { /* told below, or too late to matter */ });
  const follow = ({ detections, events, features }: FollowedCodecs): void => {
    const shared = { node, store, commits, clock: ctx.clock, log: ctx.log, telemetry: ctx.telemetry };
    followers.push(
      new LogFollower({ ...shared, name: 'detections', topic: topicName(options.topicPrefix, 'detections'), codec: detections, sort: sortRecord }),
      new LogFollower({ ...shared, name: 'events', topic: topicName(options.topicPrefix, 'events'), codec: events, sort: sortEvent }),
    );
    const { featuresMaxBytes } = options;
    if (featuresMaxBytes !== undefined) extras.push(new LogFollower({ ...shared, name: 'features', topic: topicName(options.topicPrefix, 'features'), codec: features, sort: sortFeature, featuresMaxBytes }));
    for (const follower of [...followers, ...extras]) void ctx.system.supervise(follower, POLICIES.worker).exit.then(exit => { if (exit.reason === 'escalated') failed.reject(exit.error); });
  };
  void codecs.then(follow, failed.reject);
  ctx.system.supervise({ name: 'retention', run: actor => retain(store, options, ctx, actor.signal) }, POLICIES.worker);
  const group = `${options.topicPrefix}.index`;
  const tell = (): void => {
    const lag = [...followers, ...extras].flatMap(({ progress }) => progress.lag(group, ctx.clock.now() / 1000));
    ctx.note({ type: 'index', kafka: node.state, isCaughtUp: followers.length > 0 && followers.every(({ progress }) => progress.isCaughtUp), lag } satisfies IndexNote);
  };
  const unsubscribe = node.onState(state => {
    if (state.state === 'down') ctx.log.warn({ message: state.message }, 'the brokers are away: what is stored is served');
    else ctx.log.info({ state: state.state }, 'link to the brokers');
    tell();
  });
  void every(NOTE_EVERY_MS, ctx.clock, ctx.signal, tell);
  ctx.ready();
  try {
    await Promise.race([untilAborted(ctx.signal), failed.promise]);
  } finally {
    unsubscribe();
    await ctx.system.stop();
    await link.close();
    store.close();
  }
}
