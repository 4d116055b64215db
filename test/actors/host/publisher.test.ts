import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Publisher } from '../../../actors/host/publisher.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import type { OutRecord } from '../../../src/transports/kafka-types.ts';
import { eventually } from '../../support/eventually.ts';

const record = (key: string): OutRecord => ({ topic: 't', key, value: null });

interface World { readonly publisher: Publisher; readonly waiting: OutRecord[]; readonly requests: { readonly keys: string; end(error?: Error): void }[]; written: number }

function world(): World {
  const waiting: OutRecord[] = [];
  const requests: World['requests'] = [];
  const made: World = {
    waiting, requests, written: 0,
    publisher: new Publisher({
      clock: systemClock, take: () => waiting.splice(0), onWritten: count => { made.written += count; },
      write: records => new Promise((resolve, reject) => { requests.push({ keys: records.map(({ key }) => key).join(''), end: error => { if (error) reject(error); else resolve(); } }); }),
    }),
  };
  return made;
}

test('what comes while a request is under way goes together with the next', async () => {
  const { publisher, waiting, requests } = world();
  waiting.push(record('a'), record('b'));
  publisher.wake();
  publisher.wake();
  await eventually(() => requests.length === 1, 'the first request');
  waiting.push(record('c'));
  publisher.wake();
  waiting.push(record('d'));
  publisher.wake();
  assert.is(requests.length, 1);
  requests[0]!.end();
  await eventually(() => requests.length === 2, 'the second request');
  assert.equal(requests.map(({ keys }) => keys), ['ab', 'cd']);
  requests[1]!.end();
});

test('written waits for what was taken before, not for what comes after', async () => {
  const made = world();
  const { publisher, waiting, requests } = made;
  await publisher.written;
  waiting.push(record('a'));
  publisher.wake();
  await eventually(() => requests.length === 1, 'a request');
  let isWritten = false;
  const written = publisher.written.then(() => { isWritten = true; });
  waiting.push(record('b'));
  publisher.wake();
  await Promise.resolve();
  assert.is(isWritten, false);
  requests[0]!.end();
  await written;
  await eventually(() => requests.length === 2, 'the second request'); // which never ends
  assert.is(made.written, 1);
});

test('a failure is told by written, and nothing is written after it', async () => {
  const { publisher, waiting, requests } = world();
  waiting.push(record('a'));
  publisher.wake();
  await eventually(() => requests.length === 1, 'a request');
  requests[0]!.end(new Error('away'));
  const reason = await publisher.written.catch((error: unknown) => error);
  assert.match(String(reason), 'away');
  waiting.push(record('b'));
  publisher.wake();
  await new Promise(resolve => { setTimeout(resolve, 20); }); // four times as long as a busy one waits
  assert.is(requests.length, 1);
});

test.run();
