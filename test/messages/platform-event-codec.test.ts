import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { PLATFORM_EVENT } from '../../src/messages/platform-event-codec.ts';

const at = epochMicros(1_700_000_000_000_000);
const received: PlatformEvent = { type: 'received', camera: 'dock-2' as CameraId, at, epoch: 7, received: 120, node: 'edge-1' };
const invalid = (message: RegExp) => (error: { code?: string; message: string }): boolean => error.code === 'RECORD_INVALID' && message.test(error.message);

test('received counts and node names are on the wire', () => {
  const wire = PLATFORM_EVENT.toWire(received);
  assert.equal([wire.type, wire.epoch, wire.received, wire.node, wire.state], ['received', 7, 120, 'edge-1', null]);
  assert.equal(PLATFORM_EVENT.fromWire(wire, new Uint8Array(0)), received);
});

test('an event that lacks what its type needs, or is of no known type, is refused with what is wrong', () => {
  const from = (change: object): unknown => PLATFORM_EVENT.fromWire({ ...PLATFORM_EVENT.toWire(received), ...change }, new Uint8Array(0));
  assert.throws(() => from({ epoch: null }), invalid(/'received' without epoch/));
  assert.throws(() => from({ node: null }), invalid(/'received' without node/));
  assert.throws(() => from({ camera: 'Dock 2' }), invalid(/no camera: 'Dock 2'/));
  assert.throws(() => from({ type: 'eclipse' }), invalid(/unknown type 'eclipse'/));
  assert.throws(() => from({ type: 'process', process: 'store', generation: 1, state: 'live' }), invalid(/state 'live'.*started, ready/));
  assert.throws(() => from({ type: 'gap', from: 1, reason: 'x' }), invalid(/'gap' without to/));
});

test('events of one moment have ids of their own, and each the same again', () => {
  const id = (event: PlatformEvent): string => PLATFORM_EVENT.identify(event).id;
  const process: PlatformEvent = { type: 'process', at, process: 'store', state: 'ready', generation: 1 };
  const events: PlatformEvent[] = [received, { ...received, received: 121 }, { ...received, node: 'edge-2' }, process, { ...process, generation: 2 }, { ...process, state: 'exited' }];
  assert.is(new Set(events.map(id)).size, events.length);
  assert.equal(events.map((event) => id({ ...event })), events.map(id));
});

test.run();
