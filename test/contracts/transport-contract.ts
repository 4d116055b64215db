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
  close(): Promise<void>;
}

/** Bounds the subject is opened with. */
export interface SubjectBounds { readonly maxItems: number; readonly maxBytes: number }

const ids = (delivery: Delivery<Block> | undefined): number[] => delivery?.items.map(each => each.body.id) ?? [];
const pushAll = (subject: Subject, from: number, to: number, key = 'cam'): Promise<void>[] =>
  Array.from({ length: to - from }, (_, index) => subject.output.push([envelope(block(from + index), key)], NEVER));

/** What every transport must do. Run by each transport's test with its own `open`. */
export function transportContract(name: string, open: (bounds: SubjectBounds) => Promise<Subject>): void {
  const contract = suite(`${name} contract`);
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

  on('a push resolves when its items are acknowledged, not before', wide, async subject => {
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

  on('holds no more than its bounds while the reader is stalled, and room() waits', { maxItems: 10, maxBytes: 1 << 20 }, async subject => {
    let isOver = false;
    let sent = 0;
    const stop = new AbortController();
    const producing = (async () => {
      try {
        for (;;) { await subject.output.room(stop.signal); sent += 1; void subject.output.push([envelope(block(sent))], NEVER).catch(() => { /* the subject closes */ }); }
      } catch { isOver = true; }
    })();
    await eventually(() => sent >= 10, 'the bound is used');
    await new Promise<void>(resolve => { setTimeout(resolve, 50); });
    assert.is(sent, 10);
    const delivery = await subject.input().pull(4, NEVER);
    const taken = ids(delivery).length;
    await delivery?.ack();
    await eventually(() => sent === 10 + taken, 'room again');
    stop.abort();
    await producing;
    assert.ok(isOver);
  });

  on('the bound counts bytes too', { maxItems: 1000, maxBytes: 100_000 }, async subject => {
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
  });

  on('the input ends once all is delivered', wide, async subject => {
    const pushed = pushAll(subject, 0, 5);
    subject.end();
    const got: number[] = [];
    for (;;) {
      const delivery = await subject.input().pull(2, NEVER);
      if (delivery === undefined) break;
      got.push(...ids(delivery));
      await delivery.ack();
    }
    assert.equal(got, [0, 1, 2, 3, 4]);
    await Promise.all(pushed);
    assert.is(await subject.input().pull(1, NEVER), undefined);
    const error = await subject.output.push([envelope(block(9))], NEVER).catch((each: { code: string }) => each.code);
    assert.is(error, 'PORT_CLOSED');
  });

  on('a pull that waits sees the end and an abort', wide, async subject => {
    const stop = new AbortController();
    const aborted = subject.input().pull(1, stop.signal).catch((error: Error) => error.message);
    stop.abort(new Error('enough'));
    assert.is(await aborted, 'enough');
    const waiting = subject.input().pull(1, NEVER);
    subject.end();
    assert.is(await waiting, undefined);
  });

  on('a push that waits for room leaves nothing behind when its signal aborts', { maxItems: 1, maxBytes: 1 << 20 }, async subject => {
    const first = subject.output.push([envelope(block(1))], NEVER);
    const stop = new AbortController();
    const second = subject.output.push([envelope(block(2))], stop.signal).catch((error: Error) => error.message);
    stop.abort(new Error('changed my mind'));
    assert.is(await second, 'changed my mind');
    const third = subject.output.push([envelope(block(3))], NEVER);
    const got: number[] = [];
    while (got.length < 2) { const delivery = await subject.input().pull(5, NEVER); got.push(...ids(delivery)); await delivery?.ack(); }
    assert.equal(got, [1, 3]);
    await Promise.all([first, third]);
  });

  contract('at least once and in order per key, whatever the consumer nacks or how it crashes', async () => {
    const seed = Math.floor(Math.random() * 1e9);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const subject = await open({ maxItems: 16, maxBytes: 1 << 20 });
    const total = 400;
    const acknowledged = new Set<number>();
    const producing = (async () => {
      for (let id = 0; id < total; id += 1) {
        await subject.output.room(NEVER);
        subject.output.push([envelope(block(id, 50 + Math.floor(random.next() * 3000)), id % 2 === 0 ? 'even' : 'odd')], NEVER).then(() => acknowledged.add(id), () => assert.unreachable());
      }
      await eventually(() => acknowledged.size === total, 'all acknowledged');
      subject.end();
    })();
    const done = new Map<string, number>();
    const seen = new Set<number>();
    for (;;) {
      const delivery = await subject.input().pull(1 + Math.floor(random.next() * 4), AbortSignal.timeout(10_000)).catch((error: { code?: string }) => { if (error.code === 'PORT_CLOSED') return null; throw error; });
      if (delivery === undefined) break;
      if (delivery === null) continue;
      const dice = random.next();
      if (dice < 0.15) { await delivery.nack(new Error('again')); continue; }
      if (dice < 0.2 && subject.crash !== undefined) { await subject.crash(); done.clear(); continue; }
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
