// A consumer in a process of its own, to be killed or stopped: BROKERS TOPIC GROUP SESSION_MS. Writes each number it got and, with `slow`, acknowledges none.
import { blockRecordCodec } from '../block-record-codec.ts';
import { NEVER } from '../envelopes.ts';
import { testNode } from './test-node.ts';

const [brokers = '', topic = '', group = '', sessionMs = '6000', mode = ''] = process.argv.slice(2);
const { node, lines } = testNode(brokers.split(','));
const input = node.input(topic, blockRecordCodec, { maxItems: 100, maxBytes: 1 << 22, group, sessionTimeoutMs: Number(sessionMs), onInvalid: async () => { /* there is none */ } });
for (;;) {
  const delivery = await input.pull(1, NEVER);
  for (const item of delivery?.items ?? []) console.log(item.body.id);
  if (mode !== 'slow') await delivery?.ack();
  for (const line of lines.splice(0)) console.error(line);
}
