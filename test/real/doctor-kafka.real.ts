import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import { createLogger } from '../../src/utility-ops/log.ts';
import { deleteTopics } from '../support/kafka/delete-topics.ts';
import { kafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto } from '../support/vto-process.ts';

for (const kafka of [await kafkaOrSkip('3.9'), await kafkaOrSkip('4.x')]) {
  if (kafka === undefined) continue;
  test.after(() => kafka.close());
  const prefix = `doctor-${Math.random().toString(36).slice(2, 10)}`;
  const environment = { VTO__KAFKA__TOPIC_PREFIX: prefix, VTO__KAFKA__PARTITIONS: '3', VTO__SERVING__HTTP_PORT: '0', VTO__DATA: temporaryFolder() };
  const doctor = (more: Readonly<Record<string, string>> = {}): ReturnType<typeof runVto> => runVto(['doctor', '--kafka', kafka.brokers.join(',')], { ...environment, ...more });

  test(`Kafka ${kafka.version}: the doctor says what is missing and makes none of it, then what is there and does not fit`, async () => {
    const before = await doctor();
    assert.is(before.code, 0, before.stdout);
    assert.match(before.stdout, /^ok +kafka +1 broker: .*; Produce \d+-\d+, Fetch \d+-\d+$/m);
    assert.match(before.stdout, new RegExp(`^note +topics +made at the first start: .*${prefix}\\.chunks`, 'm'));
    assert.match((await doctor()).stdout, /made at the first start/, 'the first look made nothing');
    const unfit = await doctor({ VTO__KAFKA__REPLICATION: '3' });
    assert.is(unfit.code, 1);
    assert.match(unfit.stdout, /^FAIL +kafka acl +topic .* could not be made: .*eplication/m);

    const log = createLogger({ level: 'silent', format: 'json', isTerminal: false, scrub: text => text });
    const node = connectKafka({ brokers: kafka.brokers }, { clock: systemClock, random: systemRandom, log });
    const specs = topicSpecs({ topicPrefix: prefix, partitions: 3, replication: -1, chunksRetentionHours: 1, recordsRetentionHours: 1, maxPartBytes: 4 << 20 });
    try {
      await node.ensureTopics(specs);
      const producer = await node.producer();
      const now = Date.now();
      await producer.send(Array.from({ length: 20 }, (_, index) => ({ topic: `${prefix}.chunks`, key: 'cam', value: Buffer.alloc(20_000), timestampMs: now + 60_000 + index * 200 })));
      const after = await doctor({ VTO__VISION__IS_SPLIT: 'true' });
      assert.is(after.code, 0, after.stdout);
      assert.match(after.stdout, new RegExp(`^ok +topic +${prefix}\\.chunks: 3 partitions, 1 copy, max\\.message\\.bytes 5242880, cleanup delete$`, 'm'));
      assert.match(after.stdout, /^WARN +clock +a record was written 6\d\.\d s in this machine's future/m);
      assert.match(after.stdout, /^(?:WARN|ok) +split .*its chunks 100 kB\/s \(measured on 1 cameras\)/m);
      const other = await doctor({ VTO__KAFKA__PARTITIONS: '5' });
      assert.is(other.code, 1);
      assert.match(other.stdout, /^FAIL +topic .*3 partitions.*kafka\.partitions is 5/m);
    } finally {
      await node.close();
      await deleteTopics(kafka.brokers, specs.map(({ topic }) => topic));
    }
  });
}

test.run();
