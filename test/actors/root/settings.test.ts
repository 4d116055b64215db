import { tmpdir } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeVisionSettings, visionSettings } from '../../../actors/root/settings.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';

const model = { model: 'motion', family: 'auto', labels: [], scoreMin: 0.3, iouMax: 0.45 };
const place = { socket: '/s/vision.sock', devices: { providers: ['cpu'], decoder: 'auto' }, model } as const;
const sockets = { ...place, duty: 'fused', host: '/s/host.sock' } as const;
const load = (environment: Record<string, string> = {}): ReturnType<typeof loadConfig> => loadConfig({ cwd: tmpdir(), environment });

test('a cluster catches up with all that is still on Kafka, one machine with a few seconds', () => {
  // Pinned: 726 of 899 frames ended as stale after the brokers had been away for a minute, because a cluster had the limit of one machine.
  const config = load({ VTO__KAFKA__CHUNKS_RETENTION_HOURS: '3' });
  assert.is(nodeVisionSettings(config, sockets, new Map()).catchUpMs, 3 * 3_600_000);
  assert.is(visionSettings(config, { data: '/d', sockets: '/s' }, place, []).catchUpMs, 5_000);
});

test('a limit that the user names holds everywhere, also none at all', () => {
  for (const wanted of ['0', '700']) {
    const config = load({ VTO__VISION__CATCH_UP_MS: wanted });
    assert.is(nodeVisionSettings(config, sockets, new Map()).catchUpMs, Number(wanted));
    assert.is(visionSettings(config, { data: '/d', sockets: '/s' }, place, []).catchUpMs, Number(wanted));
  }
});

test.run();
