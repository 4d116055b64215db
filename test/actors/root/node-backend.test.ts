import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBackend } from '../../../actors/gateway/backend.ts';
import type { PictureAccess } from '../../../actors/gateway/live-access.ts';
import type { NodePart } from '../../../actors/root/gateway-node.ts';
import { NodeBackend } from '../../../actors/root/node-backend.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const refuses = (error: unknown): boolean => error instanceof PlatformError && error.code === 'ROLE_ABSENT';

test('a node that runs no cameras serves its health, and refuses what is asked of cameras only when it is asked', async () => {
  const part = { tree: () => ({ name: 'vto' }), unready: () => [], metrics: async () => [] } as unknown as NodePart; // what is asked of it here
  const pictures: PictureAccess = { jpeg: () => Promise.reject(new Error('not asked')) };
  const node = new NodeBackend(part, { links: () => [], degraded: () => [], lag: () => [] }, { cameras: undefined, models: undefined, pictures });
  const clock = fakeClock();
  const backend = createBackend(node, { sleep: clock.sleep.bind(clock), ownMetrics: async () => ({}) as never });
  assert.ok(backend.isReady().ready);
  const camera = 'dock' as CameraId;
  for (const asked of [() => backend.ptz.view(camera), () => backend.whip.end(camera, {} as never, new AbortController().signal)]) {
    assert.ok(await asked().then(() => false, refuses));
  }
});

test.run();
