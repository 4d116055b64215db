import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { gather } from '../../src/transports/gather.ts';

const envelope = (body: number): Envelope<number> => ({ body, key: 'c' as CameraId, capturedAt: epochMicros(0), trace: '' });

/** An output that notes what it is given and acknowledges when told. */
function notingOutput(): { readonly output: OutPort<number>; readonly pushes: number[][]; settle: (error?: Error) => void } {
  const pushes: number[][] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const output: OutPort<number> = {
    push(items) {
      pushes.push(items.map(item => item.body));
      const push = Promise.withResolvers<void>();
      waiting.push(push);
      return push.promise;
    },
    room: async () => {},
  };
  return { output, pushes, settle: error => { for (const push of waiting.splice(0)) { if (error) push.reject(error); else push.resolve(); } } };
}

const { signal } = new AbortController();

test('hands small pushes on together, in order, when the first has waited long enough', async () => {
  const noting = notingOutput();
  const gathered = gather(noting.output, { max: 10, withinMs: 5, clock: systemClock });
  const pushes = [gathered.push([envelope(1)], signal), gathered.push([envelope(2), envelope(3)], signal)];
  assert.equal(noting.pushes, []);
  await systemClock.sleep(20);
  assert.equal(noting.pushes, [[1, 2, 3]]);
  noting.settle();
  await Promise.all(pushes);
});

test('hands a full group on at once and starts another', async () => {
  const noting = notingOutput();
  const gathered = gather(noting.output, { max: 2, withinMs: 60_000, clock: { ...systemClock, sleep: () => new Promise(() => {}) } });
  const pushes = [1, 2, 3, 4, 5].map(body => gathered.push([envelope(body)], signal));
  assert.equal(noting.pushes, [[1, 2], [3, 4]]);
  noting.settle();
  await Promise.all(pushes.slice(0, 4));
});

test('a push is acknowledged with its group, and fails with it', async () => {
  const noting = notingOutput();
  const gathered = gather(noting.output, { max: 2, withinMs: 5, clock: systemClock });
  let settled = 0;
  const pushes = [gathered.push([envelope(1)], signal), gathered.push([envelope(2)], signal)].map(push => push.finally(() => { settled += 1; }));
  await systemClock.sleep(1);
  assert.is(settled, 0);
  noting.settle(new Error('refused'));
  const results = await Promise.allSettled(pushes);
  assert.equal(results.map(result => result.status), ['rejected', 'rejected']);
});

test('refuses what comes after the signal aborted', async () => {
  const over = new AbortController();
  over.abort(new Error('over'));
  const gathered = gather(notingOutput().output, { max: 2, withinMs: 5, clock: systemClock });
  await gathered.push([envelope(1)], over.signal).then(() => assert.unreachable(), (error: Error) => assert.is(error.message, 'over'));
});

test.run();
