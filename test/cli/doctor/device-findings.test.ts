import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nvdecFinding, providerFindings } from '../../../src/cli/doctor/device-findings.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import { FakeDevice } from '../../support/fake-device.ts';

const FOUND = [{ name: 'cpu', isAvailable: true, reason: '' }, { name: 'cuda', isAvailable: false, reason: 'Failed to load shared library' }];

function levelsOf(environment: Readonly<Record<string, string>>): string[] {
  const { modelOps } = loadConfig({ environment, cwd: '/' });
  return providerFindings(modelOps, FOUND).map(({ level, topic, says }) => `${level} ${topic}: ${says}`);
}

test('a provider that does not start is a note, a warning where another runs the model, a failure where none may', () => {
  assert.equal(levelsOf({}), ['ok onnx cpu: starts', 'note onnx cuda: does not start: Failed to load shared library']);
  assert.equal(levelsOf({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu' })[1], 'warn onnx cuda: does not start: Failed to load shared library; cpu runs the model instead');
  assert.equal(levelsOf({ VTO__MODEL_OPS__PROVIDERS: 'cpu,cuda' })[1], 'note onnx cuda: does not start: Failed to load shared library');
  for (const environment of [{ VTO__MODEL_OPS__PROVIDERS: 'cuda' }, { VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu', VTO__MODEL_OPS__IS_STRICT: 'true' }] as Record<string, string>[]) {
    assert.equal(levelsOf(environment)[1], 'fail onnx cuda: does not start: Failed to load shared library');
  }
  assert.equal(levelsOf({ VTO__MODEL_OPS__PROVIDERS: 'cudaa,cpu' })[2], 'fail onnx cudaa: unknown execution provider (known: cpu, cuda)');
});

test('says whether NVIDIA\'s decoder opens, and whether it would be used', () => {
  const absent = { device: undefined, reason: 'no CUDA device opens' };
  assert.equal(nvdecFinding('auto', absent), { level: 'note', topic: 'nvdec', says: 'not here, video is decoded on the processor: no CUDA device opens' });
  assert.is(nvdecFinding('nvdec', absent).level, 'warn');
  assert.equal(nvdecFinding('auto', { device: new FakeDevice('takes') }), { level: 'ok', topic: 'nvdec', says: 'opens, scales pictures before they come to the host' });
  assert.match(nvdecFinding('software', { device: new FakeDevice('takes') }).says, /not used \(vision\.decoder\)/);
});

test.run();
