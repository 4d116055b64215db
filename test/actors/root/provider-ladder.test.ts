import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProviderLadder } from '../../../actors/root/provider-ladder.ts';
import { ProcessActor } from '../../../actors/process/child-process.ts';
import { POLICIES } from '../../../actors/tree.ts';
import { createActorSystem } from '../../../src/engine/actor-system.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MINUTE_MS = 60_000;

function world(environment: Readonly<Record<string, string>>) {
  const clock = fakeClock();
  const telemetry = createRecorder({ process: 'root', hasProcessMetrics: false });
  const warnings: string[] = [];
  const log = { warn: (_fields: object, text: string) => { warnings.push(text); } };
  const config = loadConfig({ environment, cwd: '/' });
  const ladder = new ProviderLadder({ config, clock, log: log as never, telemetry });
  const fail = (process: string, provider: string, code: 'DEVICE_FAILED' | 'INFERENCE_FAILED' = 'DEVICE_FAILED'): void => {
    ladder.note({ type: 'failed', path: [process], generation: 1, error: new PlatformError(code, 'the device of \'cuda\' is lost', { provider }), retryInMs: 50 });
  };
  return { ladder, clock, warnings, fail, fallbacks: async () => sumOf([await telemetry.snapshot()], 'visutility_provider_fallbacks_total', { wanted: 'cuda', used: 'cpu' }) };
}

test('a device that fails three times within ten minutes is left out by that process, once told and counted; the others keep it', async () => {
  const { ladder, warnings, fail, fallbacks } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu' });
  fail('vision-0', 'cuda');
  fail('vision-0', 'cuda');
  assert.equal(ladder.devicesOf('vision-0').providers, ['cuda', 'cpu'], 'twice may be chance');
  fail('vision-0', 'cuda');
  assert.equal(ladder.devicesOf('vision-0').providers, ['cpu']);
  assert.equal(ladder.devicesOf('vision-1').providers, ['cuda', 'cpu']);
  assert.equal(warnings, ['device failed repeatedly: the process goes on with another']);
  assert.is(await fallbacks(), 1);
});

test('failures that lie far apart, or are the model\'s, leave the device in use', async () => {
  const { ladder, clock, fail } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu' });
  for (let count = 0; count < 6; count += 1) {
    fail('vision-0', 'cuda');
    await clock.advance(6 * MINUTE_MS);
  }
  for (let count = 0; count < 6; count += 1) fail('vision-0', 'cuda', 'INFERENCE_FAILED');
  assert.equal(ladder.devicesOf('vision-0').providers, ['cuda', 'cpu']);
});

test('after half an hour the device is tried again', async () => {
  const { ladder, clock, fail } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu' });
  for (let count = 0; count < 3; count += 1) fail('vision-0', 'cuda');
  await clock.advance(29 * MINUTE_MS);
  assert.equal(ladder.devicesOf('vision-0').providers, ['cpu']);
  await clock.advance(2 * MINUTE_MS);
  assert.equal(ladder.devicesOf('vision-0').providers, ['cuda', 'cpu']);
});

test('strict: only the first provider is ever used, however often it fails', async () => {
  const { ladder, warnings, fail, fallbacks } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu', VTO__MODEL_OPS__IS_STRICT: 'true' });
  assert.equal(ladder.devicesOf('vision-0').providers, ['cuda']);
  for (let count = 0; count < 3; count += 1) fail('vision-0', 'cuda');
  assert.equal(ladder.devicesOf('vision-0').providers, ['cuda']);
  assert.equal(warnings, ['device failed repeatedly and there is no other to use']);
  assert.is(await fallbacks(), 0);
});

test('a decoder that fails again and again is left out like a provider, strict or not: frames are the same from the processor', async () => {
  const { ladder, clock, warnings, fail } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda', VTO__MODEL_OPS__IS_STRICT: 'true' });
  assert.equal(ladder.devicesOf('vision-0'), { providers: ['cuda'], decoder: 'auto' });
  for (let count = 0; count < 3; count += 1) fail('vision-0', 'nvdec');
  assert.equal(ladder.devicesOf('vision-0'), { providers: ['cuda'], decoder: 'software' });
  assert.equal(warnings, ['device failed repeatedly: the process goes on with another']);
  await clock.advance(31 * MINUTE_MS);
  assert.is(ladder.devicesOf('vision-0').decoder, 'auto');
});

/** A vision process whose GPU fails as soon as it is started with it. */
const FAILING = `process.on('message', ({ type, settings }) => {
  if (type === 'stop') process.exit(0);
  if (type !== 'start') return;
  process.send({ type: 'note', note: settings.providers });
  if (settings.providers[0] !== 'cuda') { process.send({ type: 'ready' }); return; }
  process.send({ type: 'failed', error: { code: 'DEVICE_FAILED', message: 'the device of cuda has no memory left', facts: { provider: 'cuda', trouble: 'out-of-memory' } } }, () => process.exit(1));
});
process.on('disconnect', () => process.exit(1));`;

test('a process that a failing device costs is replaced, and the third replacement does without the device', async () => {
  const { ladder, warnings } = world({ VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu' });
  const entry = join(temporaryFolder(), 'vision.mjs');
  await writeFile(entry, FAILING);
  const started: unknown[] = [];
  const system = createActorSystem({ name: 'vto', clock: systemClock, random: systemRandom, onEvent: event => ladder.note(event) });
  const actor = new ProcessActor({
    name: 'vision-0', role: 'vision', settings: () => ladder.devicesOf('vision-0'), threadPoolSize: 2, clock: systemClock, stopMs: 400, entry, onLine: () => {}, onNote: note => started.push(note),
  });
  system.supervise(actor, { ...POLICIES.vision, backoffMaxMs: 60 });
  try {
    await eventually(() => actor.isReady, 'the process runs on the processor', 20_000);
  } finally {
    await system.stop();
  }
  assert.equal(started, [['cuda', 'cpu'], ['cuda', 'cpu'], ['cuda', 'cpu'], ['cpu']]);
  assert.is(warnings.length, 1);
});

test.run();
