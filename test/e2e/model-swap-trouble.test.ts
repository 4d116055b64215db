import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { modelsFile, putModel, untilActive } from '../support/swaps.ts';
import { withinBound } from '../support/slack.ts';
import { PATIENT, withSite } from '../support/three-cameras.ts';
import { runVto } from '../support/vto-process.ts';
import { until } from '../support/vto-run.ts';

interface View { readonly active: string; readonly wanted: string; readonly state: string; readonly lastError?: { readonly code: string; readonly model: string }; readonly counts: { readonly done: number; readonly refused: number } }

test('a change that fails leaves everything as it was; deaths on the way cost no frame; the choice survives a restart', async () => {
  const file = await modelsFile();
  await withSite({ args: ['--config', file], env: PATIENT }, async site => {
    const view = async (): Promise<View | undefined> => site.run.get<View>('/api/v1/models/active');
    const settled = (): Promise<View> => until(async () => { const now = await view(); return now?.state === 'steady' ? now : undefined; }, 'the change has come to its end', 60_000);

    mkdirSync(join(site.run.data, 'models'), { recursive: true });
    writeFileSync(join(site.run.data, 'models', 'junk@1.onnx'), 'this is no model');
    const served = site.run.pid('vision-0');
    await putModel(site.run, 'junk@1');
    const refused = await settled();
    assert.equal([refused.active, refused.wanted, refused.lastError?.code, refused.lastError?.model], ['motion@2', 'motion@2', 'MODEL_INVALID', 'junk@1']);
    assert.is(site.run.pid('vision-0'), served, 'the process before goes on');
    const events = await site.run.get<{ readonly events: readonly { readonly type: string; readonly model?: string; readonly state?: string }[] }>('/api/v1/events?limit=1000');
    assert.ok(events?.events.some(({ type, model, state }) => type === 'model' && model === 'junk@1' && state === 'refused'), 'the refusal is among the events');

    await putModel(site.run, 'quick@1');
    await until(() => site.run.pid('vision-0b'), 'a successor starts');
    site.kill('vision-0b');
    const lost = await settled();
    assert.equal([lost.active, lost.lastError?.code], ['motion@2', 'PROCESS_EXITED']);
    await site.moreFrames(5);

    await putModel(site.run, 'quick@1');
    await until(() => site.run.pid('vision-0b'), 'a successor starts');
    const at = site.kill('vision-0');
    await untilActive([site.run], 'quick@1');
    await site.detectedAgain(at);

    await putModel(site.run, 'motion@2');
    await until(() => site.run.pid('vision-0'), 'a successor starts');
    site.kill('store');
    await untilActive([site.run], 'motion@2');
    const listed = await runVto(['models', 'list', '--url', site.run.url]);
    assert.match(listed.stdout, /^ {2}junk@1 +folder\n\* motion@2 +built-in\n {2}quick@1 +settings\n$/);
    const unknown = await runVto(['models', 'use', 'nobody@1', '--url', site.run.url]);
    assert.equal([unknown.code, /MODEL_UNKNOWN.*known: junk@1, motion@2, quick@1/.test(unknown.stderr)], [1, true]);
    const used = await runVto(['models', 'use', 'quick@1', '--url', site.run.url]);
    assert.equal([used.code, used.stdout], [0, 'quick@1 detects\n']);
    await site.moreFrames(5);

    const diedAt = site.kill('root');
    await site.run.gone();
    await site.startAgain();
    assert.is((await view())?.active, 'quick@1', 'the choice survives');
    await site.detectedAgain(diedAt);
    const { verdicts } = await site.judge();
    for (const { problems, dropped } of verdicts) {
      assert.equal(problems, []);
      assert.is(dropped['undecodable'] ?? 0, 0);
    }
  });
});

test('told to stop in the middle of a change, the platform ends in order with every frame accounted for', async () => {
  const file = await modelsFile();
  await withSite({ args: ['--config', file], env: PATIENT }, async site => {
    await putModel(site.run, 'quick@1');
    await until(() => site.run.pid('vision-0b'), 'a successor starts');
    const { verdicts, stopMs, code } = await site.judge();
    for (const { problems, losses } of verdicts) assert.equal([problems, losses], [[], []]);
    assert.is(code, 0);
    withinBound('stop in the middle of a change', stopMs, 3000);
  });
});

test.run();
