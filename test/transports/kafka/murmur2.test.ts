import { createRequire } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { murmur2, partitionOf } from '../../../src/transports/kafka/murmur2.ts';
import { rollDice } from '../../support/dice.ts';

const kafkajs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (key: Buffer) => number;

test('hashes as the Java client does', () => {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  const vectors: readonly (readonly [string, number])[] = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536], ['a-little-bit-longer-string', -1486304829], ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107],
  ];
  for (const [text, hash] of vectors) assert.is(murmur2(Buffer.from(text)), hash);
});

test('hashes any bytes as kafkajs does, and partitions lie in their range', () => {
  const dice = rollDice('murmur2');
  for (let round = 0; round < 2000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: dice.between(0, 40) }, () => dice.between(0, 255)));
    assert.is(murmur2(bytes), kafkajs(bytes));
    const partitions = dice.between(1, 100);
    const partition = partitionOf(bytes.toString('latin1'), partitions);
    assert.ok(partition >= 0 && partition < partitions);
  }
});

test.run();
