import { map, Subject } from 'rxjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { fairShare } from '../../src/flow/fair-share.ts';
import { marbles } from '../support/marbles.ts';

const keyOf = (item: string): string => item[0] as string;

test('takes turns between keys, oldest first within a key, one at a time', () => {
  marbles().run(({ hot, cold, expectObservable }) => {
    const values = { a: 'A1', b: 'A2', c: 'A3', d: 'B1', e: 'B2', f: 'C1' };
    const result = hot('(abcdef)---|', values).pipe(fairShare({ key: keyOf, maxPerKey: 9, project: item => cold('--(r|)').pipe(map(() => item)) }));
    // the six arrive in one frame, but take six columns in the source's notation
    expectObservable(result).toBe('--a-b-c-d-e-(f|)', { a: 'A1', b: 'A2', c: 'B1', d: 'C1', e: 'A3', f: 'B2' });
  });
});

test('lets go of the oldest of the key that has too many, and of no other', () => {
  const source = new Subject<string>();
  const dropped: string[] = [];
  const got: string[] = [];
  const gates: (() => void)[] = [];
  source.pipe(fairShare({
    key: keyOf, maxPerKey: 2,
    project: (item, { waiting }) => new Promise<string>(resolve => { gates.push(() => resolve(`${item}+${waiting}`)); }),
    onDrop: (item, reason, isIntentional) => { dropped.push(`${item} ${reason} ${isIntentional}`); },
  })).subscribe(item => { got.push(item); });
  for (const item of ['A0', 'A1', 'B1', 'A2', 'A3', 'A4']) source.next(item);
  assert.equal(dropped, ['A1 stale false', 'A2 stale false']);
  const drain = async (): Promise<void> => { for (let turn = 0; turn < 6; turn += 1) { gates.shift()?.(); await new Promise<void>(resolve => { setImmediate(resolve); }); } };
  return drain().then(() => assert.equal(got, ['A0+0', 'A3+1', 'B1+0', 'A4+0']));
});

test('serves keys of a higher priority first', async () => {
  const source = new Subject<string>();
  const got: string[] = [];
  source.pipe(fairShare({ key: keyOf, maxPerKey: 9, priority: item => (item.startsWith('Z') ? 1 : 0), project: async item => item })).subscribe(item => { got.push(item); });
  for (const item of ['A1', 'A2', 'B1', 'Z1', 'Z2']) source.next(item);
  source.complete();
  await new Promise<void>(resolve => { setTimeout(resolve, 5); });
  assert.equal(got, ['A1', 'Z1', 'Z2', 'A2', 'B1']);
});

test('reports what waits as closed when nobody reads any more', () => {
  const source = new Subject<string>();
  const dropped: string[] = [];
  const subscription = source.pipe(fairShare({ key: keyOf, maxPerKey: 9, project: () => new Promise<never>(() => {}), onDrop: (item, reason) => { dropped.push(`${item} ${reason}`); } })).subscribe();
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
  const finished = new Promise<void>(resolve => {
    source.pipe(fairShare({
      key: keyOf, maxPerKey: 3,
      async project(item) { order.push(keyOf(item)); waiting.set(keyOf(item), (waiting.get(keyOf(item)) ?? 0) - 1); await Promise.resolve(); ended += 1; return item; },
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
