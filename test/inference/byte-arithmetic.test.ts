import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { openByteArithmetic } from '../../src/inference/byte-arithmetic.ts';

test('a difference wraps around, and the sum undoes it, for every pair of bytes', async () => {
  const [sub, add] = [await openByteArithmetic('Sub'), await openByteArithmetic('Add')];
  const left = Uint8Array.from({ length: 65_536 }, (_, index) => index >> 8);
  const right = Uint8Array.from({ length: 65_536 }, (_, index) => index & 255);
  const difference = await sub.run(left, right);
  assert.is(difference.findIndex((value, index) => value !== ((left[index]! - right[index]!) & 255)), -1);
  assert.is(Buffer.compare(await add.run(difference, right), left), 0);
  await sub.close();
  await add.close();
});

test('lists of different lengths and a closed session are refused', async () => {
  const sub = await openByteArithmetic('Sub');
  const failure = async (): Promise<unknown> => sub.run(new Uint8Array(3), new Uint8Array(3)).then(() => 'none', (error: unknown) => error instanceof PlatformError && error.code);
  assert.is(await sub.run(new Uint8Array(3), new Uint8Array(4)).then(() => 'none', (error: unknown) => error instanceof PlatformError && error.code), 'INFERENCE_FAILED');
  assert.is(await failure(), 'none');
  await sub.close();
  await sub.close();
  assert.is(await failure(), 'INFERENCE_FAILED');
});

test.run();
