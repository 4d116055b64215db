import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DesiredModelLog } from '../../src/data-ops/desired-model.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { eventually } from '../support/eventually.ts';
import { createMemoryKafka } from '../support/memory-kafka.ts';

const TOPIC = 'vto.models';
const codec = Promise.resolve(recordCodecs(fixedSchemaIds()).models);

function world(kafka = createMemoryKafka({ partitions: 3 })) {
  const wanted: string[] = [];
  const invalid: number[] = [];
  const node = kafka.node();
  const log = new DesiredModelLog({ node, topic: TOPIC, codec, clock: systemClock, onWanted: ({ model }) => wanted.push(model), onInvalid: ({ offset }) => invalid.push(offset) });
  const ending = new AbortController();
  const run = (): void => { log.run({ signal: ending.signal, status: () => {} }).catch(() => { /* stopped */ }); };
  return { kafka, node, log, wanted, invalid, run, stop: () => ending.abort(new Error('stopped')) };
}

test('a node that comes later is told of the newest wish alone, then of each that follows', async () => {
  const { kafka, log } = world();
  for (const model of ['a@1', 'b@1', 'c@1']) await log.want(model);
  const late = world(kafka);
  late.run();
  await eventually(() => late.wanted.length > 0, 'the wish is known');
  assert.equal([late.wanted, late.log.wanted?.model], [['c@1'], 'c@1']);
  await log.want('d@1');
  await eventually(() => late.wanted.length > 1, 'the next wish is known');
  assert.equal(late.wanted, ['c@1', 'd@1']);
  late.stop();
  await log.close();
});

test('records that are no wish change nothing', async () => {
  const { node, log, wanted, invalid, run, stop } = world();
  run();
  const producer = await node.producer();
  await producer.send([{ topic: TOPIC, key: 'active', value: Buffer.from('junk') }, { topic: TOPIC, key: 'other', value: Buffer.from('junk') }, { topic: TOPIC, key: 'active', value: null }]);
  await log.want('a@1');
  await eventually(() => wanted.length > 0, 'the wish is known');
  assert.equal([wanted, invalid.length], [['a@1'], 1]);
  stop();
  await log.close();
});

test.run();
