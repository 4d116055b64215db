import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import { FEATURE_TENSOR, featureTensorCodec } from '../../src/messages/feature-tensor-codec.ts';
import { rollDice } from '../support/dice.ts';
import { randomBody } from '../support/random-bodies.ts';

const tensor = randomBody('features', rollDice('feature tensors')) as FeatureTensor;

test('a tensor crosses a link with its payload passed on, not copied', () => {
  const { head, payload } = featureTensorCodec.encode(tensor);
  assert.is(payload, tensor.payload);
  const back = featureTensorCodec.decode(head, payload);
  assert.equal({ ...back, payload: [...back.payload] }, { ...tensor, payload: [...tensor.payload] });
  assert.throws(() => featureTensorCodec.decode(head.subarray(1), payload), (error: { code?: string }) => error.code === 'LINK_INVALID');
});

test('kinds that this version does not know are refused with those it knows', () => {
  const from = (change: object): unknown => FEATURE_TENSOR.fromWire({ ...FEATURE_TENSOR.toWire(tensor), ...change }, tensor.payload);
  const refused = (message: RegExp) => (error: { code?: string; message: string }): boolean => error.code === 'RECORD_INVALID' && message.test(error.message);
  assert.throws(() => from({ encoding: 'zip' }), refused(/'zip'.*raw, zstd, delta-zstd/));
  assert.throws(() => from({ dtype: 'int4' }), refused(/'int4'.*uint8, float32/));
  assert.throws(() => from({ modality: 'smell' }), refused(/'smell'.*rgb, depth, thermal/));
  assert.throws(() => from({ shape: [3, -1] }), refused(/\[3, -1\]/));
});

test.run();
