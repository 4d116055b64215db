import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadModel } from '../../../actors/vision/load-model.ts';
import type { PlatformError } from '../../../src/engine/errors.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';
import { FakeRuntime, NO_LIBRARY } from '../../support/fake-runtime.ts';

/** Loads the motion detector on a machine of which `failures` says what does not start. */
async function load(providers: readonly string[], failures: Readonly<Record<string, string>>) {
  const telemetry = createRecorder({ process: 'vision-0', hasProcessMetrics: false });
  const warnings: object[] = [];
  const log = { warn: (fields: object) => { warnings.push(fields); } };
  const model = await loadModel({ model: 'motion', family: 'auto', providers, scoreMin: 0.3, iouMax: 0.5, labels: [] }, { log: log as never, telemetry }, new FakeRuntime(failures));
  await model.close();
  const metrics = [await telemetry.snapshot()];
  return { provider: model.provider, id: model.id, warnings, loaded: (provider: string) => sumOf(metrics, 'visutility_model_loaded', { model: model.id, provider }), fallbacks: sumOf(metrics, 'visutility_provider_fallbacks_total') };
}

test('the wanted provider is in the metrics, and nothing is told', async () => {
  const { provider, warnings, loaded, fallbacks } = await load(['cuda', 'cpu'], {});
  assert.equal([provider, warnings.length, loaded('cuda'), loaded('cpu'), fallbacks], ['cuda', 0, 1, 0, 0]);
});

test('a fallback is one warning with the reason, and one count', async () => {
  const { provider, warnings, loaded, fallbacks } = await load(['cuda', 'cpu'], { cuda: NO_LIBRARY });
  assert.equal([provider, loaded('cpu'), loaded('cuda'), fallbacks], ['cpu', 1, 0, 1]);
  assert.equal(warnings, [{ wanted: 'cuda', used: 'cpu', reason: `cuda: ${NO_LIBRARY}` }]);
});

test('what no provider of the list runs is refused by name', async () => {
  const error = await load(['cuda'], { cuda: NO_LIBRARY }).catch((thrown: unknown) => thrown as PlatformError);
  assert.is((error as PlatformError).code, 'PROVIDER_UNAVAILABLE');
});

test.run();
