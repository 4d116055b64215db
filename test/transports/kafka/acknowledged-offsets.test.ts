import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AcknowledgedOffsets } from '../../../src/transports/kafka/acknowledged-offsets.ts';
import { rollDice } from '../../support/dice.ts';

test('the position is the lowest offset that is not done, whatever the order', () => {
  const dice = rollDice('acknowledged offsets');
  for (let round = 0; round < 200; round += 1) {
    const offsets = new AcknowledgedOffsets(5);
    assert.is(offsets.position, 5);
    const begun = Array.from({ length: 30 }, (_, index) => 5 + index).filter(() => dice.chance(0.7)); // the others are control records
    for (const offset of begun) offsets.begin(offset);
    offsets.advance(35);
    const open = new Set(begun);
    while (open.size > 0) {
      const offset = dice.pick([...open]);
      open.delete(offset);
      offsets.done(offset);
      assert.is(offsets.position, open.size === 0 ? 35 : Math.min(...open));
    }
  }
});

test.run();
