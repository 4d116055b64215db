import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { abortable } from '../../src/engine/abortable.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('gives the outcome, or the reason of the abort, whichever comes first', async () => {
  const over = new AbortController();
  assert.is(await abortable(Promise.resolve(1), over.signal), 1);
  const never = abortable(new Promise<void>(() => {}), over.signal);
  over.abort(new Error('over'));
  for (const each of [never, abortable(new Promise<void>(() => {}), over.signal)]) assert.is(await each.catch((error: Error) => error.message), 'over');
  assert.is(await abortable(Promise.resolve(2), over.signal), 2, 'what had settled was first');
  assert.is(await abortable(Promise.reject(new Error('own')), over.signal).catch((error: Error) => error.message), 'own');
});

// A stream that raced each value with its end kept all of them: the store grew by a kilobyte a record.
test('keeps nothing of what has ended, however long the signal lives', async () => {
  const { signal } = new AbortController();
  const values: WeakRef<object>[] = [];
  for (let count = 0; count < 1_000; count += 1) {
    const value = { count };
    values.push(new WeakRef(value));
    await abortable(Promise.resolve(value), signal);
  }
  await new Promise(resolve => { setImmediate(resolve); });
  collect();
  const kept = values.filter(ref => ref.deref() !== undefined).length;
  assert.ok(kept < 10, `${kept} of ${values.length} values are still held`);
});

test.run();
