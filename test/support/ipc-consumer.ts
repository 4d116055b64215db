// Reads blocks, reports each one, and only then acknowledges it; a test kills it in between.
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { blockCodec, isIntact } from './byte-codec.ts';
import { envelope, NEVER } from './envelopes.ts';

const node = connectIpc({ path: process.argv[2] ?? '', clock: systemClock, random: seededRandom(process.pid) });
const input = node.input('blocks', blockCodec, { maxItems: 8, maxBytes: 1 << 20 });
const done = node.output('done', blockCodec, { maxItems: 100, maxBytes: 1 << 20 });
let last = -1;
for (;;) {
  const delivery = await input.pull(4, NEVER);
  if (delivery === undefined) break;
  for (const { body } of delivery.items) {
    if (!isIntact(body) || (last !== -1 && body.id !== last + 1)) throw new Error(`block ${body.id} after ${last}`);
    last = body.id;
  }
  await done.push(delivery.items.map(({ body }) => envelope({ id: body.id, bytes: new Uint8Array(0) })), NEVER);
  await delivery.ack();
}
await node.close();
