import { LogFollower } from '../../actors/index/log-follower.ts';
import { sortEvent, sortRecord } from '../../actors/index/sort-records.ts';
import type { IndexAccess } from '../../actors/root/index-process.ts';
import { CommitLog } from '../../src/data-ops/commit-log.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';

/** An index without its process, for tests: the same store, followers and commit log. */
export function indexInProcess(options: { readonly file: string; readonly node: KafkaNode; readonly codecs: RecordCodecs; readonly prefix: string }): IndexAccess & { readonly local: Store } {
  const { file, node, codecs, prefix } = options;
  const store = openSqliteStore(file, { clock: systemClock });
  const commits = new CommitLog({ keep: 64, lastId: store.lastRecordId(), page: (after, max, camera) => store.recordsAfter(after, max, camera) });
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log };
  const shared = { node, store, commits, clock: systemClock, log, telemetry: { batch: () => {}, dropped: () => {} } };
  const followers = [
    new LogFollower({ ...shared, name: 'detections', topic: topicName(prefix, 'detections'), codec: codecs.detections, sort: sortRecord }),
    new LogFollower({ ...shared, name: 'events', topic: topicName(prefix, 'events'), codec: codecs.events, sort: sortEvent }),
  ];
  const ending = new AbortController();
  const running = followers.map(follower => follower.run({ name: follower.name, generation: 1, signal: ending.signal, progress: () => {}, status: () => {}, supervise: () => { throw new Error('not used'); } }).catch(() => { /* ended */ }));
  const remote = new Proxy(store, { get: (target, name) => async (...args: unknown[]) => (target[name as keyof Store] as (...given: unknown[]) => unknown).apply(target, args) }) as unknown as RemoteStore;
  return {
    local: store, store: remote, isReady: true, pid: undefined,
    get note() {
      return { type: 'index', kafka: node.state, isCaughtUp: followers.every(({ progress }) => progress.isCaughtUp), lag: followers.flatMap(({ progress }) => progress.lag(`${prefix}.index`, systemClock.now() / 1000)) } as const;
    },
    records: (after, camera, signal) => commits.follow(after, camera, signal),
    tree: () => undefined, metrics: async () => [], onNote: () => {},
    close: async () => {
      ending.abort(new Error('closed'));
      await Promise.all(running);
      store.close();
    },
  };
}
