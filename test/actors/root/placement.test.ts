import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EpochWatch } from '../../../actors/root/epoch-watch.ts';
import { Placement } from '../../../actors/root/placement.ts';
import { DesiredCameras } from '../../../src/data-ops/desired-cameras.ts';
import type { CameraRow } from '../../../src/data-ops/store.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import type { DesiredCamera } from '../../../src/messages/desired-camera.ts';
import type { PlatformEvent } from '../../../src/messages/platform-event.ts';
import { eventually } from '../../support/eventually.ts';
import { camera } from '../../support/ledger-fixtures.ts';
import { createMemoryKafka, type MemoryKafka, type MemoryNode } from '../../support/memory-kafka.ts';
import { wallClock } from '../../support/recording.ts';
import { v8Codec } from '../../support/v8-codec.ts';

const PARTITIONS = 8;
const cameras = v8Codec<DesiredCamera>();
const events = v8Codec<PlatformEvent>();

function row(id: string, uri = `rtsp://${id}`): CameraRow { return { id: camera(id), uri, maxFps: null, isDetecting: true, isLooping: false }; }

/** A node's side of the cluster: what it is told to run. */
class TestNode {
  readonly node: MemoryNode;
  readonly running = new Map<string, { readonly uri: string; readonly floor: number }>();
  readonly told: string[] = [];
  readonly newer: string[] = [];
  readonly placement: Placement;
  readonly #stop = new AbortController();
  readonly #epochs: EpochWatch;
  readonly #running: Promise<unknown>;
  decided = 0;

  constructor(kafka: MemoryKafka, name: string) {
    this.node = kafka.node();
    const ctx = { signal: this.#stop.signal, status: () => {} };
    const desired = new DesiredCameras({ node: this.node, topic: 'cameras', codec: cameras, clock: wallClock, onChange: () => this.placement.settle() });
    this.#epochs = new EpochWatch({
      node: this.node, topic: 'events', codec: events, self: name, clock: wallClock, onReady: () => this.placement.settle(), onEpoch: (id, epoch) => { this.newer.push(`${id}/${epoch}`); },
    });
    this.placement = new Placement({
      desired, epochs: this.#epochs, onDecided: () => { this.decided += 1; },
      place: ({ id, uri }, floor) => { this.told.push(`+${id}`); this.running.set(id, { uri, floor }); },
      displace: id => { this.told.push(`-${id}`); this.running.delete(id); },
    });
    const ended = (): void => { /* stopped */ };
    this.#running = Promise.all([desired.run(ctx).catch(ended), this.#epochs.run(ctx).catch(ended), desired.untilKnown(ctx.signal).then(() => this.placement.settle(), ended)]);
  }

  async join(): Promise<void> {
    await this.node.join({ group: 'cameras', topics: ['cameras'], sessionTimeoutMs: 1000, onAssigned: ({ partitions }) => this.placement.assign(partitions.get('cameras') ?? []) });
  }

  get ids(): string[] { return [...this.running.keys()].toSorted(); }

  async close(): Promise<void> {
    this.#stop.abort(new Error('over'));
    await this.node.close();
    await this.#running;
  }
}

async function write(node: MemoryNode, id: string, wanted: CameraRow | null): Promise<void> {
  const producer = await node.producer();
  await producer.send([{ topic: 'cameras', key: id, value: wanted === null ? null : cameras.encode(wanted) }]);
}

async function receive(node: MemoryNode, id: string, epoch: number, from: string): Promise<void> {
  const producer = await node.producer();
  const event: PlatformEvent = { type: 'received', camera: camera(id), at: epochMicros(1), epoch, received: 10, node: from };
  await producer.send([{ topic: 'events', key: id, value: events.encode(event) }]);
}

const IDS = ['dock-1', 'dock-2', 'gate', 'yard', 'hall', 'roof'];

test('each camera runs on one node; a node that comes takes some, and the others are not touched', async () => {
  const kafka = createMemoryKafka({ partitions: PARTITIONS });
  const first = new TestNode(kafka, 'first');
  for (const id of IDS) await write(first.node, id, row(id));
  await first.join();
  await eventually(() => first.ids.length === IDS.length, 'all on the first node');
  const second = new TestNode(kafka, 'second');
  await second.join();
  await eventually(() => second.ids.length > 0 && first.ids.length + second.ids.length === IDS.length, 'some on the second node');
  assert.equal([...first.ids, ...second.ids].toSorted(), IDS.toSorted());
  assert.equal(first.told.filter(text => text.startsWith('+')).length, IDS.length, 'what stayed was not started again');
  assert.equal(first.told.filter(text => text.startsWith('-')).map(text => text.slice(1)).toSorted(), second.ids);
  const before = [...first.told];
  await second.close();
  await eventually(() => first.ids.length === IDS.length, 'all back on the first node');
  assert.equal(first.told.slice(before.length).filter(text => text.startsWith('-')), []);
  assert.is(first.decided, 1);
  await first.close();
});

test('a camera that is added, wanted otherwise or removed is so on the node of its partition', async () => {
  const kafka = createMemoryKafka({ partitions: PARTITIONS });
  const nodes = [new TestNode(kafka, 'a'), new TestNode(kafka, 'b')];
  for (const each of nodes) await each.join();
  await eventually(() => nodes.every(({ decided }) => decided === 1), 'both know that there is none');
  await write(nodes[0]!.node, 'dock-1', row('dock-1'));
  const owner = (): TestNode | undefined => nodes.find(({ running }) => running.has('dock-1'));
  await eventually(() => owner() !== undefined, 'it runs');
  await write(nodes[1]!.node, 'dock-1', row('dock-1'));
  await write(nodes[1]!.node, 'dock-1', row('dock-1', 'rtsp://elsewhere'));
  await eventually(() => owner()?.running.get('dock-1')?.uri === 'rtsp://elsewhere', 'it runs otherwise');
  assert.equal(owner()?.told, ['+dock-1', '+dock-1']);
  await write(nodes[0]!.node, 'dock-1', null);
  await eventually(() => owner() === undefined, 'it is gone');
  for (const each of nodes) await each.close();
});

test('a node without brokers goes on with what it had; their word decides when it comes, and their absence changes nothing', async () => {
  const kafka = createMemoryKafka({ partitions: PARTITIONS });
  const seed = kafka.node();
  for (const id of ['dock-1', 'gate']) await write(seed, id, row(id));
  await seed.close();
  kafka.goDown();
  const node = new TestNode(kafka, 'node');
  node.placement.assume([row('dock-1'), row('old')]);
  const joined = node.join();
  assert.equal([node.ids, node.placement.isDecided], [['dock-1', 'old'], false]);
  kafka.comeBack();
  await joined;
  await eventually(() => node.ids.join() === 'dock-1,gate', 'what the cluster wants');
  assert.equal(node.told, ['+dock-1', '+old', '-old', '+gate'], 'the camera that it had and keeps is not touched');
  kafka.goDown();
  await new Promise(resolve => { setTimeout(resolve, 20); });
  kafka.comeBack();
  assert.equal(node.ids, ['dock-1', 'gate']);
  await node.close();
});

test('a camera that is taken over begins behind the newest epoch that any node told of', async () => {
  const kafka = createMemoryKafka({ partitions: PARTITIONS });
  const seed = kafka.node();
  await write(seed, 'dock-1', row('dock-1'));
  for (const epoch of [7_000, 9_000, 8_000]) await receive(seed, 'dock-1', epoch, 'other');
  const node = new TestNode(kafka, 'node');
  await node.join();
  await eventually(() => node.ids.length === 1, 'it runs');
  assert.is(node.running.get('dock-1')?.floor, 9_000);
  await receive(seed, 'dock-1', 9_001, 'node');
  await receive(seed, 'dock-1', 9_000, 'other');
  await receive(seed, 'dock-1', 9_500, 'other');
  await eventually(() => node.newer.includes('dock-1/9500'), 'it hears of a newer one elsewhere');
  assert.not.ok(node.newer.includes('dock-1/9001'), 'its own is no news');
  await seed.close();
  await node.close();
});


test.run();
