import { map, Subject } from 'rxjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { fairShare } from '../../src/flow/fair-share.ts';
import { TimeShares } from '../../src/flow/time-shares.ts';
import { marbles } from '../support/marbles.ts';

const keyOf = (item: string): string => item[0] as string;

/** Shares in which every item takes as long as the others. */
function equal() {
  const shares = new TimeShares<string>({ keyOf });
  return { shares, key: keyOf, nowMs: () => 0, spent: (item: string) => shares.spend(keyOf(item), 1) };
}

test('takes turns between keys, oldest first within a key, one at a time', () => {
  marbles().run(({ hot, cold, expectObservable }) => {
    const values = { a: 'A1', b: 'A2', c: 'A3', d: 'B1', e: 'B2', f: 'C1' };
    const turns = equal();
    const result = hot('(abcdef)---|', values).pipe(fairShare({ ...turns, maxPerKey: 9, project: item => { turns.spent(item); return cold('--(r|)').pipe(map(() => item)); } }));
    // the six arrive in one frame, but take six columns in the source's notation
    expectObservable(result).toBe('--a-b-c-d-e-(f|)', { a: 'A1', b: 'B1', c: 'C1', d: 'A2', e: 'B2', f: 'A3' });
  });
});

test('lets go of the oldest of the key that has too many, and of no other', () => {
  const source = new Subject<string>();
  const dropped: string[] = [];
  const got: string[] = [];
  const gates: (() => void)[] = [];
  const turns = equal();
  source.pipe(fairShare<string, string>({
    ...turns, maxPerKey: 2,
    project: (item, { waiting }) => new Promise<string>(resolve => { turns.spent(item); gates.push(() => resolve(`${item}+${waiting}`)); }),
    onDrop: (item, reason, isIntentional) => { dropped.push(`${item} ${reason} ${isIntentional}`); },
  })).subscribe(item => { got.push(item); });
  for (const item of ['A0', 'A1', 'B1', 'A2', 'A3', 'A4']) source.next(item);
  assert.equal(dropped, ['A1 stale false', 'A2 stale false']);
  const drain = async (): Promise<void> => { for (let turn = 0; turn < 6; turn += 1) { gates.shift()?.(); await new Promise<void>(resolve => { setImmediate(resolve); }); } };
  return drain().then(() => assert.equal(got, ['A0+0', 'B1+0', 'A3+1', 'A4+0']));
});

test('chooses by deadline when the one before is done, not when an item comes', async () => {
  const source = new Subject<number>();
  const got: number[] = [];
  const gates: (() => void)[] = [];
  const shares = new TimeShares<number>({ keyOf: item => String(item), deadlineMs: item => item });
  source.pipe(fairShare<number, number>({
    shares, key: item => String(item), nowMs: () => 0, maxPerKey: 9, project: item => new Promise<number>(resolve => { gates.push(() => resolve(item)); }),
  })).subscribe(item => { got.push(item); });
  for (const item of [70, 90, 80, 60]) source.next(item);
  for (let turn = 0; turn < 4; turn += 1) { gates.shift()?.(); await new Promise<void>(resolve => { setImmediate(resolve); }); }
  assert.equal(got, [70, 60, 80, 90]);
});

test('reports what waits as closed when nobody reads any more', () => {
  const source = new Subject<string>();
  const dropped: string[] = [];
  const subscription = source.pipe(fairShare({ ...equal(), maxPerKey: 9, project: () => new Promise<never>(() => {}), onDrop: (item, reason) => { dropped.push(`${item} ${reason}`); } })).subscribe();
  for (const item of ['A1', 'A2', 'B1']) source.next(item);
  subscription.unsubscribe();
  assert.equal(dropped, ['A2 closed', 'B1 closed']);
});

test('no key waits longer than one turn of every other key, whatever the others send', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const source = new Subject<string>();
  const order: string[] = [];
  let sent = 0;
  let ended = 0;
  const waiting = new Map<string, number>();
  let worst = 0;
  const turns = equal();
  const finished = new Promise<void>(resolve => {
    source.pipe(fairShare<string, string>({
      ...turns, maxPerKey: 3,
      async project(item) { turns.spent(item); order.push(keyOf(item)); waiting.set(keyOf(item), (waiting.get(keyOf(item)) ?? 0) - 1); await Promise.resolve(); ended += 1; return item; },
      onDrop(item) { waiting.set(keyOf(item), (waiting.get(keyOf(item)) ?? 0) - 1); ended += 1; },
    })).subscribe({ complete: resolve });
  });
  for (let step = 0; step < 3000; step += 1) {
    const key = random.next() < 0.9 ? 'A' : random.next() < 0.5 ? 'B' : 'C';
    sent += 1;
    waiting.set(key, (waiting.get(key) ?? 0) + 1);
    source.next(`${key}${step}`);
    worst = Math.max(worst, ...waiting.values());
    if (random.next() < 0.4) await Promise.resolve();
  }
  source.complete();
  await finished;
  assert.is(ended, sent);
  assert.ok(worst <= 3, `seed ${seed}: ${worst} of one key waited`);
  const share = order.filter(key => key !== 'A').length / order.length;
  assert.ok(share > 0.08, `seed ${seed}: rare keys got ${share}`);
});

test.run();
