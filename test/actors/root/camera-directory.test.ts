import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KafkaCameraDirectory } from '../../../actors/root/camera-directory.ts';
import { DesiredCameras } from '../../../src/data-ops/desired-cameras.ts';
import type { CameraRow } from '../../../src/data-ops/store.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../../src/messages/topics.ts';
import { eventually } from '../../support/eventually.ts';
import { camera } from '../../support/ledger-fixtures.ts';
import { createMemoryKafka } from '../../support/memory-kafka.ts';

const TOPIC = 'vto.cameras';
const codec = recordCodecs(fixedSchemaIds()).cameras;
const ROW: CameraRow = { id: camera('gate'), uri: 'rtsp://root:pw@h/1', maxFps: null, isDetecting: true, isLooping: false, fallbacks: ['rtsp://root:pw@h/2'], priority: 2 };

/** Two gateways of one cluster. */
async function withDirectories(check: (one: KafkaCameraDirectory, other: KafkaCameraDirectory, written: () => Promise<number>) => Promise<void>): Promise<void> {
  const kafka = createMemoryKafka({ partitions: 2 });
  const ending = new AbortController();
  const { signal } = ending;
  const open = () => {
    const node = kafka.node();
    const desired = new DesiredCameras({ node, topic: TOPIC, codec, clock: systemClock });
    const running = desired.run({ signal, status: () => {} });
    running.catch(() => { /* ended below */ });
    return { desired, node, directory: new KafkaCameraDirectory({ node, topic: TOPIC, codec, desired, clock: systemClock, signal }) };
  };
  const [one, other] = [open(), open()];
  const written = async (): Promise<number> => [...(await one.node.bounds(TOPIC)).values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
  try {
    await Promise.all([one, other].map(({ desired }) => desired.untilKnown(signal)));
    await check(one.directory, other.directory, written);
  } finally {
    ending.abort(new Error('over'));
    await Promise.all([one, other].map(({ directory }) => directory.close()));
  }
}

const codeOf = (error: unknown): string => (error instanceof PlatformError ? error.code : String(error));

test('a change of a camera is known to the whole cluster, and says what the camera was else', () => withDirectories(async (one, other) => {
  await one.addCamera(ROW, false);
  await one.changeCamera(ROW.id, row => ({ ...row, maxFps: 5, tenant: 'harbour' }));
  assert.equal(one.camera(ROW.id), { ...ROW, maxFps: 5, tenant: 'harbour' });
  await eventually(() => other.camera(ROW.id)?.tenant === 'harbour', 'the other gateway knows');
  await other.changeCamera(ROW.id, ({ priority: _, fallbacks: __, ...row }) => row);
  assert.equal(other.camera(ROW.id), { id: ROW.id, uri: ROW.uri, maxFps: 5, isDetecting: true, isLooping: false, tenant: 'harbour' });
}));

test('changes at one gateway at the same moment all hold', () => withDirectories(async one => {
  await one.addCamera(ROW, false);
  await Promise.all([one.changeCamera(ROW.id, row => ({ ...row, maxFps: 5 })), one.changeCamera(ROW.id, row => ({ ...row, priority: 3 }))]);
  assert.equal(one.camera(ROW.id), { ...ROW, maxFps: 5, priority: 3 });
}));

test('a change that is refused, and one of a camera that is not there, write nothing', () => withDirectories(async (one, _, written) => {
  await one.addCamera(ROW, false);
  const before = await written();
  assert.is(await one.changeCamera(ROW.id, () => { throw new PlatformError('REQUEST_INVALID', 'no'); }).catch(codeOf), 'REQUEST_INVALID');
  assert.is(await one.changeCamera(camera('nobody'), row => row).catch(codeOf), 'CAMERA_UNKNOWN');
  await one.ensure([ROW]);
  assert.is(await written(), before, 'and what is wanted so already is not said again');
}));

test.run();
