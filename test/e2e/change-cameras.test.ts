import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

interface Camera { readonly id: string; readonly state: string; readonly epoch: number; readonly maxFps: number | null; readonly label: string; readonly counts: { readonly received: number; readonly detected: number; readonly dropped: Readonly<Record<string, number>>; readonly gaps: number } }

const STREET = 'synthetic://street?size=320x180&fps=15';

async function patch(vto: VtoRun, id: string, change: object): Promise<Response> {
  return await fetch(`${vto.url}/api/v1/cameras/${id}`, { method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' }, body: JSON.stringify(change) });
}

test('a camera changes while it runs: only what its session is made of cuts its recording, other cameras are not touched, and all of it holds after a restart', async () => {
  const folder = temporaryFolder();
  let vto = await VtoRun.start({ data: folder, cameras: { other: STREET }, env: { VTO__VISION__GATE: 'off' } });
  const camera = async (id: string): Promise<Camera> => {
    const found = await vto.get<Camera>(`/api/v1/cameras/${id}`);
    if (found === undefined) throw new Error(`no camera ${id}`);
    return found;
  };
  const added = await fetch(`${vto.url}/api/v1/cameras`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id: 'gate', uri: STREET }) });
  assert.is(added.status, 201, await added.text());
  await until(async () => (await camera('gate')).counts.detected > 15, 'the first detections', 60_000);

  for (const change of [{ maxFps: 1, priority: 2 }, { tenant: 'harbour', restoreAfterMs: 500 }]) assert.is((await patch(vto, 'gate', change)).status, 200);
  const limited = await camera('gate');
  await until(async () => (await camera('gate')).counts.received > limited.counts.received + 60, 'four seconds at one frame a second', 30_000);
  const after = await camera('gate');
  const detected = after.counts.detected - limited.counts.detected;
  assert.ok(detected >= 2 && detected <= 12, `${detected} of ${after.counts.received - limited.counts.received} frames were detected on`);
  assert.ok((after.counts.dropped['rate'] ?? 0) > 30, 'and the others have their reason');
  assert.equal([after.epoch, after.counts.gaps], [1, 0], 'its session went on');

  const unreachable = await patch(vto, 'gate', { uri: 'rtsp://root:hunter2@127.0.0.1:9/none' });
  assert.is(unreachable.status, 200);
  assert.not.match(await unreachable.text(), 'hunter2');
  await until(async () => (await camera('gate')).state === 'retrying', 'the address where nobody answers', 20_000);
  assert.is((await patch(vto, 'gate', { uri: 'rtsp://a@b@c/' })).status, 400);
  assert.is((await patch(vto, 'gate', { uri: 'synthetic://yard?size=320x180&fps=15', maxFps: null })).status, 200);
  await until(async () => { const { state, epoch } = await camera('gate'); return state === 'live' && epoch > 1; }, 'the other source', 20_000);
  const before = await camera('gate');
  await until(async () => (await camera('gate')).counts.detected > before.counts.detected + 15, 'detections without the limit', 30_000);

  const untouched = await camera('other');
  assert.equal([untouched.epoch, untouched.counts.gaps], [1, 0]);
  assert.is((await vto.stop()).code, 0);

  vto = await VtoRun.start({ data: folder, cameras: { other: STREET }, env: { VTO__VISION__GATE: 'off' } });
  const kept = await camera('gate') as Camera & { readonly tenant: string; readonly priority: number; readonly restoreAfterMs: number };
  assert.equal([kept.label, kept.maxFps, kept.tenant, kept.priority, kept.restoreAfterMs], ['synthetic://yard?size=320x180&fps=15', null, 'harbour', 2, 500]);
  assert.is((await vto.stop()).code, 0);
});

test.run();
