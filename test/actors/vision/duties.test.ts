import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProcessActor } from '../../../actors/process/child-process.ts';
import { POLICIES } from '../../../actors/tree.ts';
import type { VisionDuty } from '../../../actors/vision/duties.ts';
import type { VisionSettings } from '../../../actors/vision/vision-role.ts';
import { createActorSystem } from '../../../src/engine/actor-system.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { chunkPartCodec } from '../../../src/messages/chunk-part-codec.ts';
import { featureTensorCodec } from '../../../src/messages/feature-tensor-codec.ts';
import type { FeatureTensor } from '../../../src/messages/feature-tensor.ts';
import { fedFeatureCodec } from '../../../src/messages/fed-feature-codec.ts';
import { terminalRecordCodec } from '../../../src/messages/terminal-record-codec.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { connectIpc } from '../../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../../src/transports/ipc/listen-ipc.ts';
import type { LinkInPort } from '../../../src/transports/ipc-types.ts';
import { readParts } from '../../support/both-ways.ts';
import { NEVER } from '../../support/envelopes.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LINK = { clock: systemClock, random: systemRandom };
const START_LIMIT_MS = 20_000;

/** A vision process with a duty, and both ends of its links. */
async function startDuty(duty: VisionDuty, maxFps: number | null, splitMaxFps: number) {
  const folder = temporaryFolder();
  const settings: VisionSettings = {
    duty, socket: join(folder, 'vision.sock'), storeSocket: join(folder, 'host.sock'), stalenessMs: 60_000, catchUpMs: 60_000, splitMaxFps, maxFps,
    model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] },
  };
  const host = await listenIpc({ ...LINK, path: settings.storeSocket, onError: () => {} });
  const features: FeatureTensor[] = [];
  const records: TerminalRecord[] = [];
  void keep(host.input('vto.features', featureTensorCodec, { maxItems: 64, maxBytes: 32 << 20 }), features);
  void keep(host.input('vto.detections', terminalRecordCodec, { maxItems: 64, maxBytes: 1 << 20 }), records);
  const system = createActorSystem({ name: 'test', ...LINK, onEvent: () => {} });
  const actor = new ProcessActor({ name: 'vision-0', role: 'vision', settings: () => settings, threadPoolSize: 4, clock: systemClock, stopMs: 2_000, onLine: () => {} });
  system.supervise(actor, POLICIES.process);
  await eventually(() => actor.isReady, 'the process is ready', START_LIMIT_MS);
  const child = connectIpc({ ...LINK, path: settings.socket, backoffMs: 10, backoffMaxMs: 200 });
  return { child, features, records, stop: async () => { await system.stop(); await child.close(); await host.close(); } };
}

async function keep<Body>(port: LinkInPort<Body>, into: Body[]): Promise<void> {
  for (let delivery = await port.pull(64, NEVER).catch(() => undefined); delivery; delivery = await port.pull(64, NEVER).catch(() => undefined)) {
    into.push(...delivery.items.map(({ body }) => body));
    await delivery.ack();
  }
}

/** How many frames records end. */
const framesOf = (records: readonly TerminalRecord[]): number => records.reduce((sum, record) => sum + (record.kind === 'dropped' ? record.to - record.from + 1 : 1), 0);

test('a featurizer process sends features at its own rate whatever the camera allows, and ends every other frame; a detector process ends every feature', async () => {
  const parts = await readParts({ uris: ['synthetic://street?size=640x360&fps=15&frames=60&seed=3'], maxFps: 15, model: 'motion', maxUnits: 60 });
  const first = await startDuty('featurizer', null, 5);
  const chunks = first.child.output('vto.chunks', chunkPartCodec, { maxItems: 256, maxBytes: 32 << 20 });
  for (const part of parts) void chunks.push([{ body: part, key: part.camera, capturedAt: part.chunkStartedAt, trace: '' }], NEVER).catch(() => {});
  await eventually(() => first.features.length + framesOf(first.records) === 60, 'every frame left the featurizer', START_LIMIT_MS);
  assert.is(first.features.length, 20, '5 a second of 4 s');
  assert.equal([...new Set(first.records.map(record => record.kind === 'dropped' && record.reason))], ['rate']);
  await first.stop();

  const second = await startDuty('detector', null, 5);
  const features = second.child.output('vto.features', fedFeatureCodec, { maxItems: 64, maxBytes: 32 << 20 });
  for (const [index, tensor] of first.features.entries()) {
    const body = { camera: tensor.camera, tensor, feed: 1, isRecovered: true, isAccounted: index < 3 };
    void features.push([{ body, key: tensor.camera, capturedAt: tensor.capturedAt, trace: '' }], NEVER).catch(() => {});
  }
  await eventually(() => second.records.length === 17, 'every feature without a record has one', START_LIMIT_MS);
  assert.equal(second.records.map(record => record.kind === 'detected' && [record.epoch, record.frameSeq, record.width, record.height]), first.features.slice(3).map(({ epoch, frameSeq }) => [epoch, frameSeq, 640, 360]));
  assert.ok(second.records.some(record => record.kind === 'detected' && record.boxes.length > 0));
  await second.stop();
});

test.run();
