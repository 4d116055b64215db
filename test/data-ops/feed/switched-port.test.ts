import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GopReader } from '../../../src/data-ops/feed/handover.ts';
import { SwitchedPort } from '../../../src/data-ops/feed/switched-port.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import { parameters } from '../../support/archive-fixtures.ts';
import { rollDice, diceOf, type Dice } from '../../support/dice.ts';
import { fakeClock, settle } from '../../support/fake-clock.ts';
import { FakeConsumer } from '../../support/fake-consumer.ts';

const RAW = { ...parameters, codec: 'mjpeg', framing: 'raw' } as const;
const quiet = new AbortController().signal;

/** Cameras with groups of pictures of chance length, their past on disk, and a port whose consumer is switched. */
class World {
  readonly clock = fakeClock();
  readonly consumers: FakeConsumer[] = [new FakeConsumer('first', 2)];
  readonly past = new Map<CameraId, ChunkPart[]>();
  readonly pauses: number[] = [];
  readonly port: SwitchedPort;
  readonly #dice: Dice;
  readonly #keysIn = new Map<CameraId, number>();
  readonly gop: readonly [number, number];
  hasArchive = true;
  feed = 1;

  constructor(dice: Dice, gop: readonly [number, number]) {
    this.#dice = dice;
    this.gop = gop;
    this.port = new SwitchedPort({ port: this.active, gopOf: wanted => this.#gopOf(wanted), clock: this.clock, onPause: seconds => this.pauses.push(seconds) });
    this.active.attach();
  }

  get active(): FakeConsumer { return this.consumers.at(-1)!; }

  /** The next frame of a camera; `epoch` begins a session. */
  frame(camera: CameraId, epoch = this.past.get(camera)?.at(-1)?.epoch ?? 1): void {
    const parts = this.past.get(camera) ?? [];
    this.past.set(camera, parts);
    const last = parts.at(-1);
    const frameSeq = last?.epoch === epoch ? last.units[0]!.frameSeq + 1 : 0;
    const left = frameSeq === 0 ? 0 : this.#keysIn.get(camera) ?? 0;
    this.#keysIn.set(camera, left === 0 ? this.#dice.between(...this.gop) : left - 1);
    const at = epochMicros(frameSeq * 40_000);
    const part: ChunkPart = {
      camera, epoch, chunkSeq: 0, partSeq: frameSeq, chunkStartedAt: at, parameters: RAW, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: this.feed,
      units: [{ frameSeq, pts: frameSeq, dts: frameSeq, duration: 1, isKey: left === 0, isCorrupt: false, capturedAt: at, arrivedAt: at, data: new Uint8Array(4) }],
    };
    parts.push(part);
    this.port.push([{ body: part, key: camera, capturedAt: at, trace: '' }], quiet).catch(() => {});
  }

  end(camera: CameraId): void {
    const last = this.past.get(camera)?.at(-1);
    if (last) this.port.push([{ body: { ...last, units: [], isEpochEnd: true }, key: camera, capturedAt: last.chunkStartedAt, trace: '' }], quiet).catch(() => {});
  }

  /** A successor that is there, and the switch to it. */
  switch(): { readonly successor: FakeConsumer; readonly switched: Promise<void> } {
    const successor = new FakeConsumer(`number ${this.consumers.length + 1}`, 2);
    this.consumers.push(successor);
    const switched = this.port.switchTo(successor);
    successor.attach();
    return { successor, switched };
  }

  work(): void { for (const consumer of this.consumers.slice(-2)) consumer.take(this.#dice.between(0, 6)); }

  /** Everything that can be done without another frame. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 60; turn += 1) {
      for (const consumer of this.consumers) consumer.take(1_000);
      await this.clock.advance(20);
    }
  }

  /** Time for what is on disk to be read. */
  async read(): Promise<void> {
    for (let turn = 0; turn < 40; turn += 1) { await settle(); await this.clock.advance(20); }
  }

  async *#gopOf({ camera, epoch, before }: Parameters<GopReader>[0]): AsyncGenerator<ChunkPart> {
    const parts = (this.past.get(camera) ?? []).filter(part => part.epoch === epoch);
    const from = parts.findLastIndex(part => part.units[0]!.isKey && part.units[0]!.frameSeq < before);
    if (!this.hasArchive || from < 0) return;
    for (const part of parts.slice(from)) {
      if (this.#dice.chance(0.2)) await settle(2);
      if (this.#dice.chance(0.2) && part.units[0]!.frameSeq > before - 3) return; // not on disk yet
      yield part;
    }
  }
}

const [A, B, C] = ['a' as CameraId, 'b' as CameraId, 'c' as CameraId] as const;
const allOf = (world: World): string[] => [...world.past].flatMap(([camera, parts]) => parts.map(({ epoch, units }) => `${camera}/${epoch}/${units[0]!.frameSeq}`)).sort();
const endedOf = (world: World): string[] => world.consumers.flatMap(({ ended }) => ended).sort();

test('every frame ends once, whatever consumers follow each other while cameras send, end and begin', async () => {
  const dice = rollDice('switched port');
  let references = 0;
  for (let round = 0; round < 30; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const world = new World(own, own.pick([[0, 3], [5, 30], [200, 200]] as const));
    for (let step = 0; step < 6; step += 1) {
      for (let count = own.between(0, 20); count > 0; count -= 1) { world.frame(own.pick([A, B, C])); world.work(); await settle(1); }
      const { switched } = world.switch();
      let isSwitched = false;
      void switched.then(() => { isSwitched = true; });
      for (let turn = 0; turn < 5_000 && !isSwitched; turn += 1) {
        const camera = own.pick([A, B, C]);
        if (own.chance(0.4)) world.frame(camera);
        if (own.chance(0.03) && world.past.has(camera)) { world.end(camera); world.frame(camera, world.past.get(camera)!.at(-1)!.epoch + 1); }
        world.work();
        await world.clock.advance(own.between(0, 10));
      }
      assert.ok(isSwitched, `round seed ${seed}: the switch comes to its end`);
      assert.is(world.consumers.at(-2)!.depth().items, 0, `round seed ${seed}: the one before has nothing left`);
      world.port.settle(true);
    }
    for (const camera of world.past.keys()) world.end(camera);
    await world.rest();
    assert.equal(endedOf(world), allOf(world), `round seed ${seed}: each frame once`);
    assert.equal(world.consumers.flatMap(({ undecodable }) => undecodable), [], `round seed ${seed}: each decoder can go on`);
    references += world.consumers.reduce((sum, consumer) => sum + consumer.references, 0);
  }
  assert.ok(references > 100, 'groups of pictures were caught up with');
});

test('the one before serves until the successor has decoded the group of pictures, then not one frame waits', async () => {
  const world = new World(diceOf(1), [200, 200]);
  for (let frame = 0; frame < 50; frame += 1) { world.frame(A); world.active.take(9); }
  const [first] = world.consumers;
  const { successor, switched } = world.switch();
  await world.read();
  world.frame(A);
  first!.take(9);
  assert.is(first!.ended.length, 49, 'it goes on, while it holds two frames back');
  assert.equal(successor.ended, []);
  successor.take(1_000);
  await settle();
  world.frame(A);
  for (const consumer of world.consumers) consumer.take(9);
  await world.clock.advance(20);
  await switched;
  assert.is(first!.ended.length, 51, 'what it held back came out');
  world.port.settle(true);
  for (let frame = 0; frame < 3; frame += 1) world.frame(A);
  world.end(A);
  await world.rest();
  assert.equal(successor.ended, ['a/1/51', 'a/1/52', 'a/1/53', 'a/1/54']);
  assert.is(world.pauses.length, 1);
});

test('where the past cannot be read, a camera goes over at its next key frame', async () => {
  const world = new World(diceOf(2), [9, 9]);
  world.hasArchive = false;
  for (let frame = 0; frame < 5; frame += 1) world.frame(A);
  const { successor, switched } = world.switch();
  await world.rest();
  for (let frame = 5; frame < 13; frame += 1) world.frame(A);
  await world.rest();
  await switched;
  world.port.settle(true);
  world.end(A);
  await world.rest();
  assert.equal(successor.ended, ['a/1/10', 'a/1/11', 'a/1/12']);
  assert.is(successor.references, 0);
});

test('a camera that has sent nothing, or has ended, keeps nobody waiting', async () => {
  const world = new World(diceOf(3), [9, 9]);
  world.frame(A);
  world.end(A);
  await world.rest();
  const { switched } = world.switch();
  await switched;
  world.port.settle(true);
  assert.equal(world.consumers[0]!.ended, ['a/1/0']);
});

test('a camera that goes elsewhere keeps nobody waiting', async () => {
  const world = new World(diceOf(7), [200, 200]);
  world.hasArchive = false;
  for (let frame = 0; frame < 5; frame += 1) world.frame(A);
  const { switched } = world.switch();
  await world.rest();
  world.port.leave(A);
  await world.rest();
  await switched;
  world.port.settle(true);
  assert.is(world.consumers[0]!.ended.length, 3, 'what it held back is fed again elsewhere');
});

test('given up before any camera went over, nothing has changed', async () => {
  const world = new World(diceOf(4), [200, 200]);
  let attachments = 0;
  world.port.onAttach(() => { attachments += 1; });
  for (let frame = 0; frame < 5; frame += 1) world.frame(A);
  const { successor, switched } = world.switch();
  await world.read();
  world.port.settle(false);
  await switched.then(() => assert.unreachable('it was given up'), () => {});
  world.frame(A);
  world.end(A);
  await world.rest();
  assert.is(attachments, 1, 'nothing is fed again');
  assert.is(world.consumers[0]!.ended.length, 6);
  assert.equal(successor.ended, []);
});

test('given up after cameras went over, everything is fed again to the one before', async () => {
  const world = new World(diceOf(5), [9, 9]);
  let attachments = 0;
  world.port.onAttach(() => { attachments += 1; });
  world.frame(A);
  world.frame(B);
  const { successor, switched } = world.switch();
  for (let frame = 0; frame < 15; frame += 1) { world.frame(A); await settle(1); }
  world.port.settle(false);
  await switched.then(() => assert.unreachable('it was given up'), () => {});
  assert.is(attachments, 2);
  assert.is(successor.depth().items, 0, 'nothing waits for the one that is given up');
});

test('a consumer that died with what it had does not keep its successor from taking over', async () => {
  const world = new World(diceOf(6), [200, 200]);
  let attachments = 0;
  world.port.onAttach(() => { attachments += 1; });
  for (let frame = 0; frame < 5; frame += 1) world.frame(A);
  const { successor, switched } = world.switch();
  for (let turn = 0; turn < 30; turn += 1) { await world.clock.advance(1_000); successor.take(100); }
  await switched;
  world.port.settle(true);
  assert.is(attachments, 2, 'what it had is fed again');
  assert.is(world.consumers[0]!.depth().items, 0);
});

test.run();
