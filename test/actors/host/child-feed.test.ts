import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChildFeed, type FedPartition } from '../../../actors/host/child-feed.ts';
import type { ChildLink } from '../../../actors/host/host-task.ts';
import type { Feeding, TrackedPart } from '../../../src/data-ops/progress/tracked-part.ts';
import { deferred } from '../../../src/engine/timers.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { Fetched, PartitionReader } from '../../../src/transports/kafka-types.ts';
import { eventually } from '../../support/eventually.ts';

// A process that attached while the feed waited for room got one more record of the reading before: in mid-GOP, so it ended as undecodable.
test('a process that attaches while the one before had no room is given nothing of what was read for that one', async () => {
  const rooms: (() => void)[] = [];
  let attach: () => void = () => {};
  let isFull = false;
  const fed: number[] = [];
  const link: ChildLink<TrackedPart> = {
    room: async () => { if (isFull) await new Promise<void>((resolve) => { rooms.push(resolve); }); },
    feed: ({ feed }) => { fed.push(feed); isFull = true; return new Promise(() => {}); },
    onAttach: (listener) => {
      attach = () => { isFull = false; for (const room of rooms.splice(0)) room(); listener(); };
      return () => {};
    },
    depth: () => ({ items: 0, bytes: 0 }),
  };
  let sought = deferred<void>();
  const reader: PartitionReader = {
    seek: () => { sought.resolve(); }, drop: () => {}, close: async () => {},
    read: async () => {
      await sought.promise;
      sought = deferred();
      return [{ topic: 't', partition: 0, records: [{}, {}, {}], nextOffset: 3, highWatermark: 3, lastStableOffset: 3 } as unknown as Fetched];
    },
  };
  let number = 1;
  const stop = new AbortController();
  const feed = new ChildFeed<TrackedPart>({ link, reader, tries: 3, onRewind: () => {} });
  const part: TrackedPart = { camera: 'cam' as CameraId, epoch: 1, units: [], isEpochEnd: false };
  const partition: FedPartition = {
    partition: 0, hasRoom: true, rewind: () => { number += 1; return 0; }, passed: () => {},
    take: async () => { void feed.feed({ part, first: 0, end: 1, isAccounted: false, isRecovered: false, isEnd: false, feed: number } satisfies Feeding<TrackedPart>).catch(() => {}); return {}; },
  };
  const running = feed.run(stop.signal);
  feed.add(partition, () => 0);
  attach();
  await eventually(() => fed.length === 1 && rooms.length === 1, 'the first is fed, the second waits for room');
  const before = number;
  attach();
  await eventually(() => fed.length === 2, 'the next process is fed');
  assert.equal(fed, [before, before + 1]);
  stop.abort();
  for (const room of rooms.splice(0)) room();
  await running;
});

test.run();
