import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import type { Stage, StageContext, StageObserver } from '../../src/engine/stage.ts';
import { runStage, type StageHostOptions } from '../../src/engine/stage-host.ts';
import { createMemoryPort, type MemoryPort } from '../../src/transports/memory.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { fakeClock, settle, type FakeClock } from '../support/fake-clock.ts';

interface Bench {
  readonly clock: FakeClock;
  readonly stop: AbortController;
  readonly input: MemoryPort<number>;
  readonly output: MemoryPort<number>;
  readonly log: string[];
  readonly progress: { count: number };
  run(stage: Partial<Stage<number, number>>, more?: Partial<StageHostOptions<number, number>>): Promise<void>;
  read(count: number): Promise<number[]>;
}

function bench(): Bench {
  const clock = fakeClock();
  const stop = new AbortController();
  const port = (): MemoryPort<number> => createMemoryPort<number>({ maxItems: 4, maxBytes: 1000, sizeOf: () => 1 });
  const input = port();
  const output = port();
  const log: string[] = [];
  const progress = { count: 0 };
  const ctx: StageContext = { name: 'stage', clock, random: seededRandom(1), signal: stop.signal, progress() { progress.count += 1; } };
  const observer: StageObserver = {
    batch(_stage, counts) { log.push(`batch ${counts.in}>${counts.out} blocked ${counts.blockedSeconds}`); },
    dropped(_stage, reason, count, isIntentional) { log.push(`dropped ${count} ${reason} ${isIntentional}`); },
    failed(_stage, error) { log.push(`failed ${(error as Error).message}`); },
  };
  return {
    clock, stop, input, output, log, progress,
    run(stage, more = {}) {
      const whole: Stage<number, number> = {
        open: async () => { log.push('open'); }, process: async batch => batch.map(each => envelope(each.body * 10)), close: async () => { log.push('close'); }, ...stage,
      };
      return runStage({ stage: whole, input: input.input, output: output.output, ctx, observer, maxBatch: 2, maxInFlight: 2, drainMs: 100, retry: { maxRetries: 2, backoffMs: 10, backoffMaxMs: 40 }, ...more });
    },
    async read(count) {
      const got: number[] = [];
      while (got.length < count) {
        const delivery = await output.input.pull(1, NEVER);
        if (delivery === undefined) break;
        got.push(...delivery.items.map(each => each.body));
        await delivery.ack();
      }
      return got;
    },
  };
}

const messageOf = (error: unknown): string => (error as Error).message;

test('pulls, processes, pushes and acknowledges until the input ends, then closes once', async () => {
  const { run, input, read, log } = bench();
  const acked = Promise.all([1, 2, 3].map(body => input.output.push([envelope(body)], NEVER)));
  input.end();
  const running = run({});
  assert.equal(await read(3), [10, 20, 30]);
  await running;
  await acked;
  assert.is(input.depth().items, 0);
  assert.equal(log.filter(line => line === 'open' || line === 'close'), ['open', 'close']);
  assert.ok(log.includes('batch 2>2 blocked 0'));
});

test('acknowledges a batch only after its outputs are, in order, with at most maxInFlight open', async () => {
  const { run, input, output, stop } = bench();
  const acked: number[] = [];
  for (const body of [1, 2, 3]) void input.output.push([envelope(body)], NEVER).then(() => acked.push(body));
  const running = run({}, { maxBatch: 1 });
  await settle();
  const first = await output.input.pull(1, NEVER);
  const second = await output.input.pull(1, NEVER);
  assert.is(output.depth().items, 2, 'the third batch waits for the window');
  await second?.ack();
  await settle();
  assert.equal(acked, []);
  await first?.ack();
  await settle();
  assert.equal(acked, [1, 2]);
  stop.abort();
  void (await output.input.pull(1, NEVER))?.ack();
  await running;
  assert.equal(acked, [1, 2, 3], 'what was pushed before the stop is still acknowledged');
});

test('tries again after a transient error, then fails and gives the input back', async () => {
  const { run, input, clock, log } = bench();
  void input.output.push([envelope(1)], NEVER);
  const running = run({ async process() { throw new PlatformError('PORT_CLOSED', 'away'); } }).then(() => 'ended', messageOf);
  await clock.advance(9);
  assert.is(log.filter(line => line === 'failed away').length, 1);
  await clock.advance(1 + 20);
  assert.is(await running, 'away');
  assert.is(log.filter(line => line === 'failed away').length, 3);
  assert.equal((await input.input.pull(1, NEVER))?.items.map(each => each.body), [1]);
  assert.is(log.at(-1), 'close');
});

test('leaves only the bad items of a batch behind, in the dead letters', async () => {
  const { run, input, read, log } = bench();
  const dead: number[] = [];
  for (const body of [1, 2]) void input.output.push([envelope(body)], NEVER);
  input.end();
  const running = run({
    async process(batch) {
      if (batch.some(each => each.body === 2)) throw new PlatformError('MEDIA_CORRUPT', 'bad');
      return batch.map(each => envelope(each.body * 10));
    },
  }, { deadLetter(envelopes) { dead.push(...envelopes.map(each => each.body)); } });
  assert.equal(await read(1), [10]);
  await running;
  assert.equal(dead, [2]);
  assert.is(input.depth().items, 0);
  assert.ok(log.includes('dropped 1 dead-letter false'));
});

test('a dead letter that cannot be written fails the stage and gives the input back', async () => {
  const { run, input } = bench();
  void input.output.push([envelope(1)], NEVER);
  const running = run({ async process() { throw new PlatformError('MEDIA_CORRUPT', 'bad'); } }, { async deadLetter() { throw new Error('no disk'); } });
  assert.is(await running.catch(messageOf), 'no disk');
  assert.is((await input.input.pull(1, NEVER))?.items.length, 1);
});

test('an unexpected error gives back every input that is not acknowledged, in order, and is thrown', async () => {
  const { run, input, clock } = bench();
  for (const body of [1, 2, 3]) void input.output.push([envelope(body)], NEVER);
  const running = run({ async process(batch) { if (batch[0]?.body === 2) throw new Error('bug'); return batch.map(each => envelope(each.body)); } }, { maxBatch: 1 }).catch(messageOf);
  await clock.advance(100);
  assert.is(await running, 'bug');
  const back = await input.input.pull(9, NEVER);
  assert.equal(back?.items.map(each => each.body), [1, 2, 3]);
});

test('outputs acknowledged while a failed stage drains are not done again', async () => {
  const { run, input, read } = bench();
  for (const body of [1, 2]) void input.output.push([envelope(body)], NEVER);
  const running = run({ async process(batch) { if (batch[0]?.body === 2) throw new Error('bug'); return batch.map(each => envelope(each.body)); } }, { maxBatch: 1 }).catch(messageOf);
  assert.equal(await read(1), [1]);
  assert.is(await running, 'bug');
  assert.equal((await input.input.pull(9, NEVER))?.items.map(each => each.body), [2]);
});

test('an output port that is closed fails the stage', async () => {
  const { run, input, output } = bench();
  output.end();
  void input.output.push([envelope(1)], NEVER);
  assert.match(await run({}).then(() => 'ended', messageOf), /ended/);
  assert.is((await input.input.pull(9, NEVER))?.items.length, 1);
});

test('a stage that throws in open or close is closed once, and its first error is the one thrown', async () => {
  const { run, log } = bench();
  let closes = 0;
  const running = run({ async open() { throw new Error('no open'); }, async close() { closes += 1; throw new Error('no close'); } });
  assert.is(await running.catch(messageOf), 'no open');
  assert.is(closes, 1);
  assert.equal(log, ['failed no open', 'failed no close']);
});

test('measures how long it was blocked by its output', async () => {
  const { run, input, output, clock, log, stop } = bench();
  for (let body = 0; body < 4; body += 1) void output.output.push([envelope(body)], NEVER);
  void input.output.push([envelope(1)], NEVER);
  const running = run({});
  await clock.advance(2000);
  const delivery = await output.input.pull(4, NEVER);
  await delivery?.ack();
  await settle();
  assert.ok(log.includes('batch 1>1 blocked 2'), log.join('; '));
  stop.abort();
  await clock.advance(100);
  await running;
});

test('an idle stage says progress, a hanging one does not', async () => {
  const { run, input, clock, progress, stop } = bench();
  const hold = Promise.withResolvers<void>();
  const running = run({ async process() { await hold.promise; return []; } });
  await clock.advance(1000);
  assert.ok(progress.count >= 3);
  void input.output.push([envelope(1)], NEVER);
  await clock.advance(10);
  const before = progress.count;
  await clock.advance(5000);
  assert.is(progress.count, before);
  stop.abort();
  hold.resolve();
  await running;
  assert.is(clock.sleeping(), 0);
});

test('a stop while waiting for input ends at once', async () => {
  const { run, stop, log } = bench();
  const running = run({});
  await settle();
  stop.abort();
  await running;
  assert.equal(log, ['open', 'close']);
});

test.run();
