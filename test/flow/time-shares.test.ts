import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TimeShares } from '../../src/flow/time-shares.ts';
import { rollDice, type Dice } from '../support/dice.ts';

interface Job { readonly key: string; readonly atMs: number; readonly deadlineMs: number; readonly costMs: number }

/** A source of jobs: one a period, each taking `costMs`, due one period after it comes. */
interface Task { readonly key: string; readonly periodMs: number; readonly costMs: number; readonly offsetMs?: number; readonly weight?: number; readonly group?: string }

interface Done extends Job { readonly endMs: number }

/** One worker on a simulated clock; work is never interrupted. Jobs are what `tasks` send until `untilMs`; all of them are worked off unless `isCut`. */
function simulate(tasks: readonly Task[], untilMs: number, isCut = false, groupWeights: Readonly<Record<string, number>> = {}): { readonly done: readonly Done[]; readonly misses: number } {
  const jobs = tasks.flatMap(({ key, periodMs, costMs, offsetMs = 0 }): Job[] => (
    Array.from({ length: Math.max(0, Math.ceil((untilMs - offsetMs) / periodMs)) }, (_, index) => ({ key, atMs: offsetMs + index * periodMs, deadlineMs: offsetMs + (index + 1) * periodMs, costMs }))
  )).toSorted((a, b) => a.atMs - b.atMs);
  const weights = new Map(tasks.map(({ key, weight = 1 }) => [key, weight]));
  const groups = new Map(tasks.map(({ key, group = '' }) => [key, group]));
  const shares = new TimeShares<Job>({ keyOf: job => job.key, deadlineMs: job => job.deadlineMs, weightOf: key => weights.get(key) ?? 1, groupOf: key => groups.get(key) ?? '', groupWeightOf: group => groupWeights[group] ?? 1 });
  const done: Done[] = [];
  let nowMs = 0;
  let next = 0;
  for (;;) {
    for (let job = jobs[next]; job !== undefined && job.atMs <= nowMs; job = jobs[next]) { shares.add(job); next += 1; }
    const turn = shares.take(nowMs);
    if (turn === undefined) {
      const job = jobs[next];
      if (job === undefined) break;
      nowMs = job.atMs;
      continue;
    }
    nowMs += turn.item.costMs;
    if (isCut && nowMs > untilMs) break;
    shares.spend(turn.item.key, turn.item.costMs);
    done.push({ ...turn.item, endMs: nowMs });
  }
  return { done, misses: done.filter(({ endMs, deadlineMs }) => endMs > deadlineMs).length };
}

/** Jeffay, Stanat and Martel 1991, theorem 4.1: exactly these sets of periodic tasks meet every deadline in any order of arrival when no run is interrupted. */
function isFeasible(tasks: readonly Task[]): boolean {
  const sorted = tasks.toSorted((a, b) => a.periodMs - b.periodMs);
  if (sorted.reduce((sum, { costMs, periodMs }) => sum + costMs / periodMs, 0) > 1) return false;
  return sorted.every(({ costMs, periodMs }, index) => {
    for (let length = (sorted[0]?.periodMs ?? 0) + 1; length < periodMs; length += 1) {
      const demand = sorted.slice(0, index).reduce((sum, other) => sum + Math.floor((length - 1) / other.periodMs) * other.costMs, costMs);
      if (demand > length) return false;
    }
    return true;
  });
}

function tasksOf(dice: Dice, count: number): readonly Task[] {
  return Array.from({ length: count }, (_, index) => {
    const periodMs = dice.between(4, 60);
    return { key: `k${index}`, periodMs, costMs: dice.between(1, Math.max(1, Math.floor(periodMs / (count - 0.5)))), offsetMs: dice.between(0, 60) };
  });
}

function spentOn(done: readonly Done[], key: string): number {
  return done.reduce((sum, job) => sum + (job.key === key ? job.costMs : 0), 0);
}

test('meets every deadline of every load for which that is possible', () => {
  const dice = rollDice('feasible loads');
  let feasible = 0;
  let full = 0;
  for (let round = 0; round < 1_500; round += 1) {
    const tasks = tasksOf(dice, dice.between(1, 6));
    if (!isFeasible(tasks)) continue;
    feasible += 1;
    if (tasks.reduce((sum, { costMs, periodMs }) => sum + costMs / periodMs, 0) > 0.9) full += 1;
    assert.is(simulate(tasks, 1_200).misses, 0, JSON.stringify(tasks));
  }
  assert.ok(feasible > 200 && full > 10, `${feasible} loads were feasible, ${full} of them nearly full`);
});

test('keys that always wait get shares of the time that differ by less than an item of each, whatever an item takes', () => {
  const dice = rollDice('shares');
  for (let round = 0; round < 200; round += 1) {
    const tasks = Array.from({ length: dice.between(2, 8) }, (_, index) => ({ key: `k${index}`, periodMs: 1, costMs: dice.between(2, 90), weight: dice.pick([0.5, 1, 1, 2, 5]) }));
    const { done } = simulate(tasks, 3_000, true);
    for (const one of tasks) {
      for (const other of tasks) {
        const lag = Math.abs(spentOn(done, one.key) / one.weight - spentOn(done, other.key) / other.weight);
        assert.ok(lag <= one.costMs / one.weight + other.costMs / other.weight, `${one.key} and ${other.key} differ by ${lag} ms: ${JSON.stringify(tasks)}`);
      }
    }
  }
});

/** Tasks that always wait, of some groups with some keys each. */
function crowd(dice: Dice): readonly Task[] {
  return Array.from({ length: dice.between(2, 4) }, (_, group) => Array.from({ length: dice.between(1, 10) }, (__, index) => ({
    key: `g${group}k${index}`, group: `g${group}`, periodMs: 1, costMs: dice.between(2, 40), weight: dice.pick([0.5, 1, 1, 2]),
  }))).flat();
}

test('groups that always wait share the time by their weights, however many keys each has, and the keys of a group share its time', () => {
  const dice = rollDice('groups');
  for (let round = 0; round < 50; round += 1) {
    const tasks = crowd(dice);
    const groupWeights = Object.fromEntries([...new Set(tasks.map(({ group }) => group ?? ''))].map(group => [group, dice.pick([0.5, 1, 1, 3])]));
    const { done } = simulate(tasks, 3_000, true, groupWeights);
    const groups = Object.entries(groupWeights).map(([name, weight]) => {
      const own = tasks.filter(({ group }) => group === name);
      return { name, weight, own, spentMs: own.reduce((sum, { key }) => sum + spentOn(done, key), 0), largestMs: Math.max(...own.map(({ costMs }) => costMs)) };
    });
    for (const one of groups) {
      for (const other of groups) {
        const lag = Math.abs(one.spentMs / one.weight - other.spentMs / other.weight);
        assert.ok(lag <= one.largestMs / one.weight + other.largestMs / other.weight, `${one.name} and ${other.name} differ by ${lag} ms: ${JSON.stringify({ tasks, groupWeights })}`);
      }
      for (const a of one.own) {
        for (const b of one.own) {
          const lag = Math.abs(spentOn(done, a.key) / (a.weight ?? 1) - spentOn(done, b.key) / (b.weight ?? 1));
          assert.ok(lag <= a.costMs / (a.weight ?? 1) + b.costMs / (b.weight ?? 1), `${a.key} and ${b.key} differ by ${lag} ms: ${JSON.stringify(tasks)}`);
        }
      }
    }
  }
});

test('a group with ten keys gets no more than one with one key when there is not enough for all', () => {
  const many = Array.from({ length: 10 }, (_, index) => ({ key: `many${index}`, group: 'many', periodMs: 40, costMs: 10, offsetMs: index }));
  const { done } = simulate([...many, { key: 'single', group: 'single', periodMs: 5, costMs: 10 }], 20_000, true);
  const share = spentOn(done, 'single') / 20_000;
  assert.ok(Math.abs(share - 0.5) < 0.01, `${share}`);
});

test('what a group does not ask for goes to the others: nothing waits while the worker is idle', () => {
  const dice = rollDice('work-conserving groups');
  for (let round = 0; round < 40; round += 1) {
    const modest = { key: 'modest', group: 'modest', periodMs: dice.between(50, 200), costMs: 5 };
    const greedy = crowd(dice).map(task => ({ ...task, group: 'greedy' }));
    const { done } = simulate([modest, ...greedy], 6_000, true);
    assert.ok(done.reduce((sum, { costMs }) => sum + costMs, 0) >= 6_000 - 40, 'the worker is never idle');
    const limitMs = 2 * Math.max(...greedy.map(({ costMs }) => costMs)) + modest.costMs;
    for (const job of done.filter(({ key, atMs }) => key === 'modest' && atMs > 1_000)) assert.ok(job.endMs - job.atMs <= limitMs, `a group that asks for little waits ${job.endMs - job.atMs} ms: ${JSON.stringify({ modest, greedy })}`);
  }
});

test('a key that changes its group is counted there from then on', () => {
  let group = 'a';
  const shares = new TimeShares<string>({ keyOf: item => item[0] as string, groupOf: key => (key === 'X' ? group : 'b') });
  const turns = (count: number): number => {
    let own = 0;
    for (let turn = 0; turn < count; turn += 1) {
      for (const key of ['X', 'Y', 'Z']) if (shares.waiting(key) === 0) shares.add(key);
      const taken = shares.take(0)?.item as string;
      shares.spend(taken, 10);
      if (taken === 'X') own += 1;
    }
    return own;
  };
  assert.ok(Math.abs(turns(60) - 30) <= 1, 'half of the time, alone in its group');
  group = 'b';
  assert.ok(Math.abs(turns(60) - 20) <= 1, 'a third, as one of three');
});

test('no key starves: what waits is worked on within one turn of every other key', () => {
  const dice = rollDice('starvation');
  for (let round = 0; round < 100; round += 1) {
    const greedy = Array.from({ length: dice.between(1, 6) }, (_, index) => ({ key: `g${index}`, periodMs: dice.between(1, 5), costMs: dice.between(5, 80) }));
    const modest = { key: 'modest', periodMs: 1_000, costMs: 5, offsetMs: dice.between(0, 900) };
    const { done } = simulate([...greedy, modest], 8_000, true);
    const limitMs = greedy.reduce((sum, { costMs }) => sum + costMs, 0) + Math.max(...greedy.map(({ costMs }) => costMs)) + modest.costMs;
    // The first one comes before it is known what the others take.
    for (const job of done.filter(({ key }) => key === 'modest').slice(1)) assert.ok(job.endMs - job.atMs <= limitMs, `waited ${job.endMs - job.atMs} ms, more than ${limitMs}: ${JSON.stringify(greedy)}`);
  }
});

test('one large stream that asks for more than there is does not make the small ones miss a deadline', () => {
  const small = Array.from({ length: 10 }, (_, index) => ({ key: `small${index}`, periodMs: 200, costMs: 8, offsetMs: 7 * index }));
  const { done } = simulate([...small, { key: '4K', periodMs: 33, costMs: 60 }], 20_000, true);
  const late = done.filter(({ key, atMs, endMs, deadlineMs }) => key !== '4K' && atMs > 1_000 && endMs > deadlineMs);
  assert.equal(late, [], 'each small one is in time');
  const share = spentOn(done, '4K') / 20_000;
  assert.ok(share > 0.55 && share < 0.62, `the large one gets what is left: ${share}`);
});

test('without deadlines keys share the time from the start', () => {
  const shares = new TimeShares<string>({ keyOf: item => item[0] as string });
  for (const item of ['A1', 'A2', 'A3', 'B1', 'B2', 'B3', 'B4']) shares.add(item);
  const order: string[] = [];
  for (let turn = shares.take(0); turn !== undefined; turn = shares.take(0)) {
    order.push(turn.item);
    shares.spend(turn.item[0] as string, turn.item.startsWith('A') ? 30 : 10);
  }
  assert.equal(order, ['A1', 'B1', 'B2', 'B3', 'A2', 'B4', 'A3']);
});

test('time that a key did not ask for is not saved up', () => {
  const shares = new TimeShares<string>({ keyOf: item => item[0] as string });
  for (let turn = 0; turn < 50; turn += 1) { shares.add('A'); shares.take(0); shares.spend('A', 10); }
  for (const item of ['B', 'B', 'B', 'A']) shares.add(item);
  assert.is(shares.take(0)?.item, 'B');
  shares.spend('B', 11);
  assert.is(shares.take(0)?.item, 'A', 'not 500 ms of B');
});

test('what is counted only after others were taken, as in a batch, still counts', () => {
  const shares = new TimeShares<string>({ keyOf: item => item[0] as string });
  for (const item of ['A1', 'A2', 'B1', 'B2']) shares.add(item);
  assert.equal([shares.take(0)?.item, shares.take(0)?.item], ['A1', 'A2'], 'nothing is known of either yet');
  shares.spend('A', 1);
  assert.is(shares.take(0)?.item, 'B1');
  assert.ok(shares.costMs('A') >= 0);
  shares.clear();
  assert.ok(shares.isEmpty);
});

test('an overload ends when nothing waits any more', () => {
  const shares = new TimeShares<Job>({ keyOf: job => job.key, deadlineMs: job => job.deadlineMs });
  const job = (key: string, deadlineMs: number): Job => ({ key, atMs: 0, deadlineMs, costMs: 1 });
  for (const each of [job('a', 5), job('b', 50)]) shares.add(each);
  assert.is(shares.take(10)?.item.key, 'a');
  assert.ok(shares.isOverloaded);
  shares.take(11);
  assert.not.ok(shares.isOverloaded);
});

test.run();
