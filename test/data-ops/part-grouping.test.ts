import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PartGrouping, type PartGroupingOptions } from '../../src/data-ops/part-grouping.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { parameters, unit } from '../support/archive-fixtures.ts';
import { rollDice } from '../support/dice.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { fakeClock, settle, type FakeClock } from '../support/fake-clock.ts';
import { sessionsOf } from '../support/chunk-topic.ts';
import { camera } from '../support/ledger-fixtures.ts';

function part(frameSeq: number, fields: Partial<ChunkPart> & { readonly bytes?: number } = {}): ChunkPart {
  const { bytes = 100, ...rest } = fields;
  return {
    camera: camera('cam'), epoch: 1, chunkSeq: 0, partSeq: frameSeq, chunkStartedAt: epochMicros(0), parameters, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 7,
    units: [{ ...unit(frameSeq), frameSeq, data: new Uint8Array(bytes) }], ...rest,
  };
}

/** An output whose pushes the test ends. */
class HeldOutput implements OutPort<ChunkPart> {
  readonly sent: { readonly part: ChunkPart; readonly ack: () => void; readonly refuse: (error: unknown) => void }[] = [];
  isOpen = false;
  push(items: readonly Envelope<ChunkPart>[]): Promise<void> {
    return new Promise((resolve, reject) => {
      for (const { body } of items) this.sent.push({ part: body, ack: resolve, refuse: reject });
      if (this.isOpen) resolve();
    });
  }
  async room(): Promise<void> { /* the grouping has bounds of its own */ }
  get frames(): number[][] { return this.sent.map(each => each.part.units.map(({ frameSeq }) => frameSeq)); }
}

interface World { readonly clock: FakeClock; readonly output: HeldOutput; readonly grouping: PartGrouping; readonly delivered: number[]; readonly refused: ChunkPart[]; readonly retries: unknown[] }

function world(options: Partial<PartGroupingOptions> = {}): World {
  const clock = fakeClock();
  const output = new HeldOutput();
  const delivered: number[] = [];
  const refused: ChunkPart[] = [];
  const retries: unknown[] = [];
  const grouping = new PartGrouping(output, {
    clock, partMs: 200, maxPartBytes: 1000, onRetry: error => { retries.push(error); },
    onDelivered: async ({ units }) => { delivered.push(...units.map(({ frameSeq }) => frameSeq)); }, onRefused: async each => { refused.push(each); }, ...options,
  });
  return { clock, output, grouping, delivered, refused, retries };
}

test('units of a chunk that come within the time go as one part, and every push resolves with it', async () => {
  const { clock, output, grouping, delivered } = world();
  const resolved: number[] = [];
  for (const seq of [0, 1, 2]) void grouping.push([envelope(part(seq))], NEVER).then(() => resolved.push(seq));
  await clock.advance(199);
  assert.equal(output.frames, []);
  await clock.advance(2);
  assert.equal(output.frames, [[0, 1, 2]]);
  assert.equal([output.sent[0]?.part.partSeq, output.sent[0]?.part.feed, output.sent[0]?.part.isAccounted], [0, 0, false]);
  await settle();
  assert.equal([resolved, delivered], [[], []], 'not before it is acknowledged');
  output.sent[0]?.ack();
  await settle();
  assert.equal([resolved, delivered], [[0, 1, 2], [0, 1, 2]]);
});

test('a new chunk, the end of the epoch and a full part go at once', async () => {
  const { output, grouping } = world();
  output.isOpen = true;
  void grouping.push([envelope(part(0))], NEVER);
  void grouping.push([envelope(part(1, { chunkSeq: 1 }))], NEVER);
  await settle();
  assert.equal(output.frames, [[0]], 'the chunk that follows waits for its own time');
  void grouping.push([envelope(part(2, { chunkSeq: 1, units: [], isEpochEnd: true }))], NEVER);
  await settle();
  assert.equal([output.frames, output.sent[1]?.part.isEpochEnd], [[[0], [1]], true]);
  for (const seq of [0, 1]) void grouping.push([envelope(part(seq, { epoch: 2, bytes: 500 }))], NEVER);
  await settle();
  assert.equal(output.frames.slice(2), [[0, 1]]);
});

test('what was read back and what is live are not mixed, nor what does not follow each other', async () => {
  const { clock, output, grouping } = world();
  output.isOpen = true;
  void grouping.push([envelope(part(0, { isRecovered: true })), envelope(part(1)), envelope(part(3)), envelope(part(0, { epoch: 2 }))], NEVER);
  await clock.advance(300);
  assert.equal(output.frames, [[0], [1], [3], [0]]);
});

test('one part is under way at a time: what comes meanwhile gathers, within its bound', async () => {
  const { clock, output, grouping } = world();
  void grouping.push([envelope(part(0))], NEVER);
  await clock.advance(201);
  for (let seq = 1; seq <= 9; seq += 1) void grouping.push([envelope(part(seq))], NEVER);
  await clock.advance(1000);
  assert.equal(output.frames, [[0]]);
  let hasRoom = false;
  await grouping.room(NEVER);
  void grouping.push([envelope(part(10))], NEVER);
  void grouping.room(NEVER).then(() => { hasRoom = true; });
  await settle();
  assert.equal([hasRoom, grouping.depth()], [false, { items: 11, bytes: 1100 }]);
  assert.is(grouping.oldest, part(0).units[0]?.arrivedAt);
  output.sent[0]?.ack();
  await settle();
  assert.equal([output.frames, hasRoom], [[[0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], false]);
  output.sent[1]?.ack();
  await settle();
  assert.equal([hasRoom, grouping.depth(), grouping.oldest], [true, { items: 0, bytes: 0 }, undefined]);
});

test('what waited while the brokers were away is no live part any more', async () => {
  const { clock, output, grouping } = world();
  void grouping.push([envelope(part(0))], NEVER);
  await clock.advance(201);
  void grouping.push([envelope(part(1))], NEVER);
  await clock.advance(60_000);
  output.sent[0]?.ack();
  await settle();
  assert.equal(output.sent.map(({ part: { isRecovered } }) => isRecovered), [false, true]);
});

test('a part that is refused is tried again before anything newer', async () => {
  const { clock, output, grouping, retries } = world();
  void grouping.push([envelope(part(0))], NEVER);
  await clock.advance(201);
  void grouping.push([envelope(part(1))], NEVER);
  output.sent[0]?.refuse(new PlatformError('KAFKA_REFUSED', 'no such right'));
  await clock.advance(999);
  assert.equal([output.frames, retries.length], [[[0]], 1]);
  await clock.advance(2);
  assert.equal(output.frames, [[0], [0]]);
  output.sent[1]?.ack();
  await clock.advance(201);
  assert.equal(output.frames, [[0], [0], [1]]);
});

// A camera with one huge key frame must not wait for it for ever: the topic will never take it.
test('a unit that the topic does not take is found in its part, named and left out; the others go', async () => {
  const { clock, output, grouping, delivered, refused } = world({ maxPartBytes: 4_000_000 });
  const sizes = [100, 1_500_000, 100];
  const pushes = sizes.map((bytes, seq) => grouping.push([envelope(part(seq, { bytes }))], NEVER));
  const limit = (): void => {
    for (const each of output.sent.splice(0)) {
      if (each.part.units.some(({ data }) => data.byteLength > 1_000_000)) each.refuse(new PlatformError('RECORD_INVALID', 'too large')); else each.ack();
    }
  };
  for (let turn = 0; turn < 20; turn += 1) { await clock.advance(500); limit(); }
  await Promise.all(pushes);
  assert.equal([delivered, refused.map(({ units }) => units[0]?.frameSeq)], [[0, 2], [1]]);
});

test('pushes end with their signal, and what follows with another one is not held up', async () => {
  const { clock, output, grouping } = world();
  const stop = new AbortController();
  const reason = new Error('stopped');
  const lost = grouping.push([envelope(part(0))], stop.signal).then(() => undefined, (error: unknown) => error);
  stop.abort(reason);
  output.push = async (items, ...rest) => { const [signal] = rest as unknown as [AbortSignal]; if (signal.aborted) throw signal.reason; output.sent.push(...items.map(({ body }) => ({ part: body, ack: () => {}, refuse: () => {} }))); };
  assert.is(await lost, reason);
  void grouping.push([envelope(part(0))], NEVER);
  await clock.advance(300);
  assert.equal(output.frames, [[0]]);
});

test('nothing is reordered, lost or grouped beyond the bound, whatever the sizes and moments', async () => {
  const dice = rollDice('part grouping');
  const { clock, output, grouping } = world();
  const name = `seed ${dice.seed}`;
  output.isOpen = true;
  let [epoch, chunkSeq, frameSeq] = [1, 0, 0];
  let count = 0;
  for (let step = 0; step < 400; step += 1) {
    if (dice.chance(0.05)) chunkSeq += 1;
    const isEpochEnd = dice.chance(0.02);
    void grouping.push([envelope(part(frameSeq, { epoch, chunkSeq, isEpochEnd, bytes: dice.between(1, 1500) }))], NEVER);
    count += 1;
    frameSeq += 1;
    if (isEpochEnd) { epoch += 1; chunkSeq = 0; frameSeq = 0; }
    if (dice.chance(0.5)) await clock.advance(dice.between(0, 150));
  }
  await clock.advance(500);
  const sessions = sessionsOf(output.sent.map(each => each.part));
  assert.equal(sessions.flatMap(({ problems }) => problems), [], name);
  assert.is(sessions.reduce((sum, { frames, repeats }) => sum + frames + repeats, 0), count, name);
  for (const { part: { units, chunkSeq: chunk, epoch: of } } of output.sent) {
    const bytes = units.reduce((sum, { data }) => sum + data.byteLength, 0);
    assert.ok(bytes <= 1000 || units.length === 1, `${name}: ${of}/${chunk} has ${bytes} bytes`);
  }
});

test.run();
