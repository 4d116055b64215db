import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformError } from '../../src/engine/errors.ts';
import { checkEncoding, FeatureFactory } from '../../src/feature-ops/feature-factory.ts';
import type { Modality } from '../../src/messages/raster.ts';

async function refusal(making: Promise<unknown> | (() => Promise<unknown>)): Promise<PlatformError> {
  const made = async (): Promise<unknown> => (typeof making === 'function' ? making() : making);
  return await made().then(() => assert.unreachable('nothing was refused'), (error: unknown) => error) as PlatformError;
}

test('makes an encoder by modality and name', async () => {
  const encoder = await FeatureFactory.create().withModality('rgb').withEncoding('hog').instantiate();
  assert.is(encoder.id, 'hog@1');
  assert.equal(encoder.size, { width: 128, height: 72 });
  assert.equal(encoder.shape, [8, 15, 2, 2, 9]);
  await encoder.close();
});

test('names the encoders of the modality when one is unknown', async () => {
  const error = await refusal(FeatureFactory.create().withModality('depth').withEncoding('lbp').instantiate());
  assert.is(error.code, 'PLUGIN_UNKNOWN');
  assert.is(error.message, "unknown encoder 'lbp' for modality 'depth' (known: hog, depth-normals, onnx)");
});

test('names the modalities when one is unknown', async () => {
  const error = await refusal(async () => FeatureFactory.create().withModality('sonar' as Modality));
  assert.is(error.code, 'PLUGIN_UNKNOWN');
  assert.is(error.message, "unknown modality 'sonar' (known: rgb, depth, thermal)");
});

test('asks for an encoding, a known provider, and options that exist and fit together', async () => {
  assert.match((await refusal(FeatureFactory.create().instantiate())).message, /no encoding is named \(known for rgb: hog, colour-histogram, lbp, motion-energy, onnx\)/);
  assert.is((await refusal(FeatureFactory.create().withEncoding('hog').withProviders(['abacus']).instantiate())).code, 'PLUGIN_UNKNOWN');
  assert.match((await refusal(FeatureFactory.create().withEncoding('hog', { sell: 8 }).instantiate())).message, /encoder 'hog': unknown option 'sell' \(known: width, height, cell, block, orientations, norm\)/);
  assert.match((await refusal(FeatureFactory.create().withEncoding('hog', { cell: 1.5 }).instantiate())).message, /encoder 'hog': option 'cell'/);
  assert.match((await refusal(FeatureFactory.create().withEncoding('hog', { width: 16, height: 16, block: 3 }).instantiate())).message, /a block of 3 cells of 8 pixels does not fit into 16 x 16/);
  assert.match((await refusal(FeatureFactory.create().withEncoding('lbp', { columns: 7 }).instantiate())).message, /a grid of 7 x 3 does not divide 128 x 72 pixels/);
});

test('is not changed by its steps, so that a half-made factory can be shared', async () => {
  const thermal = FeatureFactory.create().withModality('thermal');
  const [one, other] = await Promise.all([thermal.withEncoding('lbp').instantiate(), thermal.withEncoding('thermal-statistics').instantiate()]);
  assert.equal([one.id, other.id], ['lbp@1', 'thermal-statistics@1']);
  assert.match((await refusal(thermal.instantiate())).message, /no encoding is named/);
  await Promise.all([one.close(), other.close()]);
});

test('checks an encoding without loading anything', async () => {
  await checkEncoding('rgb', 'hog', { block: 3 });
  assert.is((await refusal(checkEncoding('rgb', 'hogg', {}))).code, 'PLUGIN_UNKNOWN');
  assert.is((await refusal(checkEncoding('rgb', 'hog', { block: 0 }))).code, 'CONFIG_INVALID');
});

test.run();
