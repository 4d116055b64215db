import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { liveItems, newestKeyFrame, type LiveStreamOptions } from '../../../actors/ingest/live-stream.ts';
import { LiveTap } from '../../../actors/ingest/live-tap.ts';
import type { HistoryQuery } from '../../../src/data-ops/feed/backlog.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { SourceUnit } from '../../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { LiveItem } from '../../../src/messages/live-item.ts';
import { readLiveHead } from '../../../src/messages/live-message.ts';
import { encodeClip } from '../../support/encoded-clip.ts';

const clip = encodeClip('h264', { frames: 60, gop: 10 });
const sourceUnit = (index: number): SourceUnit => {
  const { cameraClockMicros: _, ...unit } = clip.units[index]!;
  return { ...unit, capturedAt: epochMicros(1e15 + index), arrivedAt: epochMicros(1e15 + index), ...index === 0 && { parameters: clip.parameters } };
};

/** A camera: units are taken by the tap and recorded, the record `lag` units behind. */
class World implements LiveStreamOptions {
  readonly tap = new LiveTap();
  readonly clock = systemClock;
  recorded = 0;
  reads = 0;
  epoch = 5;
  /** Called at each reading. */
  onRead: () => void = () => {};
  readonly history = { read: (query: HistoryQuery): AsyncIterable<ChunkPart> => this.#read(query) };

  begin(): void { this.tap.begin(this.epoch); }

  send(from: number, to: number, lag = 0): void {
    for (let index = from; index < to; index++) this.tap.take(sourceUnit(index));
    this.recorded = to - lag;
  }

  async *#read({ epoch, from, startsAtKey }: HistoryQuery): AsyncGenerator<ChunkPart> {
    this.reads += 1;
    this.onRead();
    assert.is(epoch, this.epoch);
    const start = startsAtKey ? from - from % 10 : from;
    for (let index = start; index < this.recorded; index++) {
      yield await Promise.resolve({
        camera: 'dock' as CameraId, epoch, chunkSeq: 0, partSeq: index, chunkStartedAt: epochMicros(0), parameters: clip.parameters, units: [{ ...sourceUnit(index), frameSeq: index }],
        isOpenGop: false, isEpochEnd: false, isRecovered: true, isAccounted: false, feed: 0,
      });
    }
  }
}

/** Watches, and lets a test look at what came. */
function watch(world: World): { readonly items: LiveItem[]; until(frameSeq: number): Promise<void>; stop(): Promise<void>; readonly done: Promise<void> } {
  const stopping = new AbortController();
  const items: LiveItem[] = [];
  let wake = (): void => {};
  const done = (async () => {
    for await (const item of liveItems(world, stopping.signal)) { items.push(item); wake(); }
  })();
  const newest = (): number => readSeqs(items).at(-1) ?? -1;
  return {
    items, done,
    async until(frameSeq) { while (newest() < frameSeq) await Promise.race([new Promise<void>((resolve) => { wake = resolve; }), done]); },
    async stop() { stopping.abort(); await done; },
  };
}

const readSeqs = (items: readonly LiveItem[]): number[] => items.flatMap((item) => (item.kind === 'unit' ? [readLiveHead(item.message).frameSeq] : []));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

test('a viewer gets the pictures since the newest key frame, then each as it comes, each once', async () => {
  const world = new World();
  world.begin();
  world.send(0, 27);
  const viewer = watch(world);
  await viewer.until(26);
  world.send(27, 45);
  await viewer.until(44);
  await viewer.stop();
  assert.is(viewer.items[0]?.kind, 'start');
  assert.equal(readSeqs(viewer.items), range(20, 45));
});

test('what comes while the chunk is read is neither missed nor repeated', async () => {
  const world = new World();
  world.begin();
  world.send(0, 27);
  world.onRead = () => { world.onRead = () => {}; world.send(27, 33); };
  const viewer = watch(world);
  await viewer.until(32);
  await viewer.stop();
  assert.equal(readSeqs(viewer.items), range(20, 33));
});

test('a recorder that is a little behind is waited for', async () => {
  const world = new World();
  world.begin();
  world.send(0, 27, 4);
  world.onRead = () => { if (world.reads === 3) world.recorded = 27; };
  const viewer = watch(world);
  await viewer.until(26);
  await viewer.stop();
  assert.is(world.reads, 3);
  assert.equal(readSeqs(viewer.items), range(20, 27));
});

test('where the recorder stays behind, the stream goes on at the next key frame and says so', async () => {
  const world = new World();
  world.begin();
  world.send(0, 27, 4);
  const viewer = watch(world);
  await viewer.until(22);
  for (let index = 27; index < 33; index++) world.tap.take(sourceUnit(index));
  await viewer.until(32);
  await viewer.stop();
  assert.equal(readSeqs(viewer.items), [20, 21, 22, 30, 31, 32]);
  const after = viewer.items.find((item) => item.kind === 'unit' && readLiveHead(item.message).frameSeq === 30);
  assert.is(after?.kind === 'unit' && readLiveHead(after.message).isAfterGap, true);
});

test('a lost session is told, and the next one begins with its key frame and a start', async () => {
  const world = new World();
  world.begin();
  world.send(0, 12);
  const viewer = watch(world);
  await viewer.until(11);
  world.tap.end();
  world.epoch = 6;
  world.begin();
  world.send(0, 3);
  while (viewer.items.filter(({ kind }) => kind === 'unit').length < 5) await new Promise((resolve) => { setImmediate(resolve); });
  await viewer.stop();
  assert.equal(viewer.items.map((item) => (item.kind === 'unit' ? readLiveHead(item.message).epoch : item.kind)), ['start', 5, 5, 'gap', 'start', 6, 6, 6]);
});

test('a camera without a session is waited for', async () => {
  const world = new World();
  const viewer = watch(world);
  await new Promise((resolve) => { setImmediate(resolve); });
  world.begin();
  world.send(0, 3);
  await viewer.until(2);
  await viewer.stop();
  assert.is(world.reads, 0);
  assert.equal(readSeqs(viewer.items), [0, 1, 2]);
});

test('a watcher that does not read is dropped to the next key frame, within its bounds', async () => {
  const world = new World();
  world.begin();
  const watcher = world.tap.watch({ maxUnits: 8, maxBytes: 1 << 30 });
  world.send(0, 25); // 8 are kept, the rest is missed: at 10 and 20 there is no room for half of the bound
  const { signal } = new AbortController();
  const seen: unknown[] = [];
  for (let count = 0; count < 8; count++) { const next = await watcher.next(signal); seen.push('unit' in next ? next.frameSeq : next); }
  world.send(25, 32);
  for (let count = 0; count < 3; count++) { const next = await watcher.next(signal); seen.push('unit' in next ? next.frameSeq : next); }
  assert.equal(seen, [...range(0, 8), { reason: 'slow', units: 22 }, 30, 31]);
  watcher.close();
});

test('while nobody watches, the tap holds nothing', () => {
  const world = new World();
  world.begin();
  world.send(0, 30);
  assert.is(world.reads, 0);
  assert.equal(world.tap.position, { epoch: 5, nextFrameSeq: 30 });
  world.tap.end();
  assert.is(world.tap.position, undefined);
});

test('a camera that leaves the process ends its watch, to be watched elsewhere', async () => {
  const world = new World();
  world.begin();
  const viewer = watch(world);
  await new Promise((resolve) => { setImmediate(resolve); });
  world.tap.close();
  try {
    await viewer.done;
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof PlatformError && error.code === 'PORT_CLOSED');
  }
});

test('the newest key frame is the last one on disk; a camera that sends nothing has none', async () => {
  const world = new World();
  const { signal } = new AbortController();
  const refusal = await newestKeyFrame(world, signal).then(() => undefined, (error: unknown) => error);
  assert.ok(refusal instanceof PlatformError && refusal.code === 'SOURCE_UNREACHABLE');
  world.begin();
  world.send(0, 27);
  const { unit, epoch } = await newestKeyFrame(world, signal);
  assert.equal([epoch, unit.frameSeq, unit.isKey], [5, 20, true]);
});

test.run();
