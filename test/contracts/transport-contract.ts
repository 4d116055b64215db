import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Delivery, InPort, OutPort } from '../../src/engine/ports.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { block, isIntact, type Block } from '../support/byte-codec.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';

/** A pair of ports to judge. */
export interface Subject {
  readonly output: OutPort<Block>;
  /** The consumer's side as it stands; another one after `crash`. */
  input(): InPort<Block>;
  end(): void;
  depth(): { readonly items: number; readonly bytes: number };
  /** Ends the consumer without acknowledging; absent where producer and consumer die together. */
  crash?(): Promise<void>;
  /** Nothing pushed from now on is acknowledged until what is returned is called. Transports that a consumer acknowledges need none: nobody pulls. */
  stall?(): Promise<() => Promise<void>>;
  /** Sends what no consumer can read, behind what was pushed; absent where the ends of a link are of one build. */
  poison?(): Promise<void>;
  /** Times `poison` was reported to the consumer. */
  poisoned?(): number;
  close(): Promise<void>;
}

/** Bounds the subject is opened with. */
export interface SubjectBounds { readonly maxItems: number; readonly maxBytes: number }

/** In what transports may differ. */
export interface Traits {
  /**
   * Who a push waits for. `log`: it is durable without any consumer, so a stalled reader stops nobody, and a consumer never sees an end.
   */
  readonly acknowledgedBy: 'consumer' | 'log';
  /** A consumer that is not heard of for so long is taken for dead. @default 50, for transports that know no sessions */
  readonly sessionMs?: number;
}

const ids = (delivery: Delivery<Block> | undefined): number[] => delivery?.items.map(each => each.body.id) ?? [];
const pushAll = (subject: Subject, from: number, to: number, key = 'cam'): Promise<void>[] =>
  Array.from({ length: to - from }, (_, index) => subject.output.push([envelope(block(from + index), key)], NEVER));

/** What comes within a time, which keeps the process alive, unlike AbortSignal.timeout. */
async function pullWithin(subject: Subject, ms: number): Promise<number[]> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), ms);
  try { return ids(await subject.input().pull(1, patience.signal)); } catch { return []; } finally { clearTimeout(timer); }
}

/** What every transport must do. Run by each transport's test with its own `open`; `contract.run()` is done here. */
export function transportContract(name: string, { acknowledgedBy, sessionMs = 50 }: Traits, open: (bounds: SubjectBounds) => Promise<Subject>): void {
  const contract = suite(`${name} contract`);
  const isLog = acknowledgedBy === 'log';
  const on = (title: string, bounds: SubjectBounds, judge: (subject: Subject) => Promise<void>): void => {
    contract(title, async () => {
      const subject = await open(bounds);
      try { await judge(subject); } finally { await subject.close(); }
    });
  };
  const wide = { maxItems: 1000, maxBytes: 1 << 24 };

  on('delivers in order, unchanged, with key, time and trace', wide, async subject => {
    const sent = { body: block(7, 5000), key: 'dock-2' as never, capturedAt: 1_700_000_000_000_123 as never, trace: '00-ab-cd-01' };
    const pushed = subject.output.push([sent, envelope(block(8, 0))], NEVER);
    const got: Block[] = [];
    while (got.length < 2) {
      const delivery = await subject.input().pull(10, NEVER);
      for (const item of delivery?.items ?? []) {
        if (item.body.id === 7) assert.equal([item.key, item.capturedAt, item.trace], [sent.key, sent.capturedAt, sent.trace]);
        got.push(item.body);
      }
      await delivery?.ack();
    }
    assert.equal(got.map(each => [each.id, each.bytes.length]), [[7, 5000], [8, 0]]);
    assert.ok(got.every(isIntact));
    await pushed;
  });

  if (isLog) on('a push resolves when the log has its items, whether anybody reads or not', wide, async subject => {
    const resume = await subject.stall?.();
    let isDone = false;
    const pushed = subject.output.push([envelope(block(1)), envelope(block(2))], NEVER).then(() => { isDone = true; });
    await new Promise<void>(resolve => { setTimeout(resolve, 20); });
    assert.is(isDone, false);
    await resume?.();
    await pushed;
    assert.is(subject.depth().items, 0);
    const got: number[] = [];
    while (got.length < 2) { const delivery = await subject.input().pull(5, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal(got, [1, 2]);
  });
  else on('a push resolves when its items are acknowledged, not before', wide, async subject => {
    let isDone = false;
    const pushed = subject.output.push([envelope(block(1)), envelope(block(2))], NEVER).then(() => { isDone = true; });
    const first = await subject.input().pull(1, NEVER);
    const second = await subject.input().pull(1, NEVER);
    await first?.ack();
    await first?.ack();
    await new Promise<void>(resolve => { setTimeout(resolve, 20); });
    assert.is(isDone, false);
    await second?.ack();
    await pushed;
    assert.is(subject.depth().items, 0);
  });

  on('several pushes in flight keep the order of their calls, and deliveries may be acknowledged in any order', wide, async subject => {
    const acknowledged: number[] = [];
    const pushed = pushAll(subject, 0, 20).map((push, index) => push.then(() => { acknowledged.push(index); }));
    const deliveries: Delivery<Block>[] = [];
    while (deliveries.length < 20) {
      const delivery = await subject.input().pull(1, NEVER);
      if (delivery !== undefined) deliveries.push(delivery);
    }
    assert.equal(deliveries.flatMap(ids), Array.from({ length: 20 }, (_, index) => index));
    for (const delivery of deliveries.toReversed()) { await delivery.ack(); await new Promise<void>(resolve => { setImmediate(resolve); }); }
    await Promise.all(pushed);
    assert.is(acknowledged.length, 20);
  });

  on('items that are nacked come again, in order, before newer ones', wide, async subject => {
    const pushed = pushAll(subject, 0, 10);
    let first: number[] = [];
    while (first.length < 3) {
      const delivery = await subject.input().pull(3 - first.length, NEVER);
      first = [...first, ...ids(delivery)];
      await delivery?.nack(new Error('not now'));
      if (ids(delivery).length === 3) break;
      first = [];
    }
    const got: number[] = [];
    while (got.length < 10) { const delivery = await subject.input().pull(2, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal(got, Array.from({ length: 10 }, (_, index) => index));
    await Promise.all(pushed);
  });

  on('holds no more than its bounds while who acknowledges is stalled, and room() waits', { maxItems: 10, maxBytes: 1 << 20 }, async subject => {
    const resume = await subject.stall?.();
    let isOver = false;
    let sent = 0;
    const stop = new AbortController();
    const producing = (async () => {
      try {
        for (;;) { await new Promise<void>(resolve => { setImmediate(resolve); }); await subject.output.room(stop.signal); sent += 1; void subject.output.push([envelope(block(sent))], NEVER).catch(() => { /* the subject closes */ }); }
      } catch { isOver = true; }
    })();
    await eventually(() => sent >= 10, 'the bound is used');
    await new Promise<void>(resolve => { setTimeout(resolve, 50); });
    assert.is(sent, 10);
    if (resume === undefined) {
      const delivery = await subject.input().pull(4, NEVER);
      const taken = ids(delivery).length;
      await delivery?.ack();
      await eventually(() => sent === 10 + taken, 'room again');
    } else {
      await resume();
      await eventually(() => sent > 10, 'room again', 20_000);
    }
    stop.abort();
    await producing;
    assert.ok(isOver);
  });

  on('the bound counts bytes too', { maxItems: 1000, maxBytes: 100_000 }, async subject => {
    const resume = await subject.stall?.();
    let entered = 0;
    for (let id = 0; id < 20; id += 1) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), 50); // keeps the process alive, unlike AbortSignal.timeout
      try { await subject.output.room(patience.signal); } catch { break; } finally { clearTimeout(timer); }
      entered += 1;
      void subject.output.push([envelope(block(id, 30_000))], NEVER).catch(() => { /* the subject closes */ });
    }
    assert.is(entered, 4, '3 blocks are below the bound, the fourth reaches it');
    assert.ok(subject.depth().bytes < 140_000);
    await resume?.();
  });

  on(isLog ? 'what was acknowledged is delivered after the output ended' : 'the input ends once all is delivered', wide, async subject => {
    const pushed = pushAll(subject, 0, 5);
    if (isLog) await Promise.all(pushed);
    subject.end();
    const got: number[] = [];
    while (!isLog || got.length < 5) {
      const delivery = await subject.input().pull(2, NEVER);
      if (delivery === undefined) break;
      got.push(...ids(delivery));
      await delivery.ack();
    }
    assert.equal(got, [0, 1, 2, 3, 4]);
    await Promise.all(pushed);
    if (!isLog) assert.is(await subject.input().pull(1, NEVER), undefined);
    const error = await subject.output.push([envelope(block(9))], NEVER).catch((each: { code: string }) => each.code);
    assert.is(error, 'PORT_CLOSED');
  });

  on(isLog ? 'a pull that waits sees an abort' : 'a pull that waits sees the end and an abort', wide, async subject => {
    const stop = new AbortController();
    const aborted = subject.input().pull(1, stop.signal).catch((error: Error) => error.message);
    stop.abort(new Error('enough'));
    assert.is(await aborted, 'enough');
    if (isLog) return;
    const waiting = subject.input().pull(1, NEVER);
    subject.end();
    assert.is(await waiting, undefined);
  });

  on('a push that waits for room leaves nothing behind when its signal aborts', { maxItems: 1, maxBytes: 1 << 20 }, async subject => {
    const resume = await subject.stall?.();
    const first = subject.output.push([envelope(block(1))], NEVER);
    const stop = new AbortController();
    const second = subject.output.push([envelope(block(2))], stop.signal).catch((error: Error) => error.message);
    stop.abort(new Error('changed my mind'));
    assert.is(await second, 'changed my mind');
    const third = subject.output.push([envelope(block(3))], NEVER);
    await resume?.();
    const got: number[] = [];
    while (got.length < 2) { const delivery = await subject.input().pull(5, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal(got, [1, 3]);
    await Promise.all([first, third]);
  });

  on('carries a record of 2 MB between small ones', wide, async subject => {
    const pushed = [subject.output.push([envelope(block(1))], NEVER), subject.output.push([envelope(block(2, 2_000_000))], NEVER), subject.output.push([envelope(block(3))], NEVER)];
    const got: Block[] = [];
    while (got.length < 3) {
      const delivery = await subject.input().pull(1, NEVER);
      got.push(...delivery?.items.map(item => item.body) ?? []);
      assert.ok(got.every(isIntact));
      await delivery?.ack();
    }
    assert.equal(got.map(each => [each.id, each.bytes.length]), [[1, 100], [2, 2_000_000], [3, 100]]);
    await Promise.all(pushed);
  });

  on('work that takes longer than a session is not delivered a second time', wide, async subject => {
    const pushed = pushAll(subject, 0, 2);
    const slow = await subject.input().pull(1, NEVER);
    const rest = await subject.input().pull(5, NEVER);
    await rest?.ack();
    const again = await pullWithin(subject, sessionMs * 1.5);
    assert.equal([ids(slow), ids(rest), again], [[0], [1], []]);
    await slow?.ack();
    await Promise.all(pushed);
    assert.equal(await pullWithin(subject, 50), []);
  });

  on('what a consumer had not acknowledged when it crashed comes to the next one, in order, and nothing else does', wide, async subject => {
    if (subject.crash === undefined) return;
    const pushed = pushAll(subject, 0, 6);
    const got: number[] = [];
    while (got.length < 2) { const delivery = await subject.input().pull(2 - got.length, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    await new Promise<void>(resolve => { setTimeout(resolve, isLog ? 500 : 0); }); // a group's offsets are committed in intervals
    await subject.input().pull(2, NEVER);
    await subject.crash();
    while (got.length < 6) { const delivery = await subject.input().pull(5, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal(got, [0, 1, 2, 3, 4, 5]);
    await Promise.all(pushed);
  });

  on('a record that cannot be read is reported once and holds up nothing', wide, async subject => {
    if (subject.poison === undefined) return;
    await subject.output.push([envelope(block(1))], NEVER);
    await subject.poison();
    await subject.output.push([envelope(block(2))], NEVER);
    const got: number[] = [];
    while (got.length < 2) { const delivery = await subject.input().pull(5, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal([got, subject.poisoned?.()], [[1, 2], 1]);
  });

  contract('at least once and in order per key, whatever the consumer nacks or how it crashes', async () => {
    const seed = Math.floor(Math.random() * 1e9);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const subject = await open({ maxItems: 16, maxBytes: 1 << 20 });
    const total = 400;
    const crashBelow = isLog ? 0.157 : 0.2; // of a log everything since the last commit comes again
    const acknowledged = new Set<number>();
    const producing = (async () => {
      for (let id = 0; id < total; id += 1) {
        await subject.output.room(NEVER);
        subject.output.push([envelope(block(id, 50 + Math.floor(random.next() * 3000)), id % 2 === 0 ? 'even' : 'odd')], NEVER).then(() => acknowledged.add(id), () => assert.unreachable());
      }
      await eventually(() => acknowledged.size === total, 'all acknowledged', 20_000);
      subject.end();
    })();
    const done = new Map<string, number>();
    const seen = new Set<number>();
    while (!isLog || seen.size < total) {
      const delivery = await subject.input().pull(1 + Math.floor(random.next() * 4), AbortSignal.timeout(10_000)).catch((error: { code?: string }) => { if (error.code === 'PORT_CLOSED') return null; throw error; });
      if (delivery === undefined) break;
      if (delivery === null) continue;
      const dice = random.next();
      if (dice < 0.15) { await delivery.nack(new Error('again')); continue; }
      if (dice < crashBelow && subject.crash !== undefined) { await subject.crash(); done.clear(); continue; }
      for (const item of delivery.items) {
        const last = done.get(item.key) ?? -1;
        assert.ok(item.body.id > last, `seed ${seed}: ${item.body.id} after ${last} of key ${item.key}`);
        assert.ok(isIntact(item.body));
        done.set(item.key, item.body.id);
        seen.add(item.body.id);
      }
      await delivery.ack();
    }
    await producing;
    assert.is(seen.size, total);
    await subject.close();
  });

  contract.run();
}
