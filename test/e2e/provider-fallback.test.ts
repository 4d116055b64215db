import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { capabilities } from '../../src/inference/capabilities.ts';
import { startVto } from '../support/vto-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/vto-run.ts';

const hasCuda = (await capabilities()).some(({ name, isAvailable }) => name === 'cuda' && isAvailable);
const without = hasCuda ? test.skip : test; // a machine with CUDA cannot show this
const WANTED = { VTO__MODEL_OPS__PROVIDERS: 'cuda,cpu', VTO__UTILITY_OPS__LOG_FORMAT: 'json' };
const START_LIMIT_MS = 20_000;

without('without CUDA the next provider runs the model: one warning, one count, and its name in the metrics', async () => {
  const vto = await startVto(temporaryFolder(), [], WANTED);
  await until(async () => (await fetch(`${vto.url}/readyz`)).ok, 'vto is ready', START_LIMIT_MS);
  const metrics = await vto.text('/metrics');
  assert.match(metrics, /visutility_model_loaded\{model="motion@\d+",provider="cpu",process="vision-0"\} 1/);
  assert.match(metrics, /visutility_provider_fallbacks_total\{wanted="cuda",used="cpu",process="vision-0"\} 1/);
  assert.is(vto.output().split('model runs on another execution provider than wanted').length - 1, 1);
  assert.is(await vto.stop(), 0);
});

without('strict, nothing is detected on another provider than the first, and /readyz says why', async () => {
  const vto = await startVto(temporaryFolder(), [], { ...WANTED, VTO__MODEL_OPS__IS_STRICT: 'true' });
  const said = await until(async () => {
    const text = await vto.text('/readyz?format=text');
    return /PROVIDER_UNAVAILABLE/.test(text) && text;
  }, 'vision-0 fails', START_LIMIT_MS);
  assert.match(said, /^not ready: .*process vision-0 is not ready/);
  assert.match(said, /vision-0 .*last: PROVIDER_UNAVAILABLE no wanted execution provider starts here \(cuda: /);
  assert.match(vto.output(), /"level":"warn".*PROVIDER_UNAVAILABLE/);
  assert.not.match(await vto.text('/metrics'), /visutility_model_loaded\{/);
  assert.is(await vto.stop(), 0);
});

test.run();
