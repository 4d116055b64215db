import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assignSticky, type MemberClaim } from '../../../src/transports/kafka/sticky-assignment.ts';
import { rollDice } from '../../support/dice.ts';

const claim = (id: string, partitions: Record<string, number[]> = {}, generation = 1): MemberClaim => ({ id, generation, partitions: new Map(Object.entries(partitions)) });

test('every partition goes to one member, evenly, and moves only where evenness asks for it', () => {
  const dice = rollDice('sticky assignment');
  for (let round = 0; round < 300; round += 1) {
    const counts = new Map([['chunks', dice.between(1, 30)], ['features', dice.between(1, 30)]]);
    let held = new Map<string, Map<string, number[]>>();
    for (let generation = 1; generation < 6; generation += 1) {
      const ids = [...held.keys()].filter(() => dice.chance(0.7));
      for (let fresh = dice.between(ids.length === 0 ? 1 : 0, 3); fresh > 0; fresh -= 1) ids.push(`m${generation}${fresh}`);
      const members = ids.map(id => ({ id, generation, partitions: held.get(id) ?? new Map<string, number[]>() }));
      const shares = assignSticky(members, counts);
      assert.equal(shares, assignSticky(members.toReversed(), counts), 'whoever leads comes to the same');
      for (const [topic, count] of counts) {
        const all = [...shares.values()].flatMap(share => share.get(topic) ?? []);
        assert.equal(all.toSorted((one, other) => one - other), Array.from({ length: count }, (_, partition) => partition), `round ${round}`);
        const sizes = [...shares.values()].map(share => share.get(topic)?.length ?? 0);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes.join(', ')}`);
        for (const { id, partitions } of members) {
          const before = partitions.get(topic) ?? [];
          const after = shares.get(id)?.get(topic) ?? [];
          const kept = before.filter(partition => after.includes(partition)).length;
          assert.is(kept, Math.min(before.length, after.length), `${id} keeps what its share has room for`);
        }
      }
      held = shares;
    }
  }
});

test('of two members that claim a partition the one of the later generation keeps it', () => {
  const shares = assignSticky([claim('zombie', { t: [0, 1, 2] }, 3), claim('heir', { t: [0, 1] }, 4), claim('other', { t: [2, 3] }, 4)], new Map([['t', 4]]));
  assert.equal([shares.get('heir')?.get('t'), shares.get('other')?.get('t'), shares.get('zombie')?.get('t')].map(each => each?.length), [2, 1, 1]);
  assert.equal(shares.get('heir')?.get('t'), [0, 1]);
});

test('more members than partitions leaves some with nothing, and topics are spread over different members', () => {
  const shares = assignSticky(['a', 'b', 'c'].map(id => claim(id)), new Map([['one', 1], ['two', 1]]));
  assert.equal([...shares.values()].map(share => (share.get('one')?.length ?? 0) + (share.get('two')?.length ?? 0)), [1, 1, 0]);
});

test('a claim of partitions that are no more is not believed', () => {
  assert.equal(assignSticky([claim('a', { t: [7, 1] })], new Map([['t', 2]])).get('a')?.get('t'), [0, 1]);
});

test.run();
