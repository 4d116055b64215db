import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { LiveItem, LiveStart, LiveUnit } from '../../../src/messages/live-item.ts';
import { LiveHub, recordText, type LiveViewer } from '../../../src/serving-ops/live/live-hub.ts';
import { ViewerGate } from '../../../src/serving-ops/live/viewer-gate.ts';
import { detected, dropped } from '../../support/fake-backend.ts';
import { fakeClock, settle } from '../../support/fake-clock.ts';
import { liveStart, liveUnit } from '../../support/live-items.ts';

const dock = 'dock' as CameraId;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Everything a viewer is told. */
class Viewer implements LiveViewer {
  readonly wantsRecords: boolean;
  readonly told: unknown[] = [];
  constructor(wantsRecords = false) { this.wantsRecords = wantsRecords; }
  start(start: LiveStart): void { this.told.push(`start ${start.epoch}`); }
  unit(unit: LiveUnit): void { this.told.push(unit); }
  gap(reason: string): void { this.told.push(`gap ${reason}`); }
  record(json: string): void { this.told.push(json); }
  end(error: PlatformError): void { this.told.push(error.code); }
}

/** A camera whose items the test gives, or fails. */
function camera(): { hub: LiveHub; clock: ReturnType<typeof fakeClock>; give(...items: (LiveItem | Error)[]): Promise<void>; watches: () => number; open: () => number; record(json: Parameters<typeof recordText>[0]): Promise<void>; followers: () => number; told: string[] } {
  const clock = fakeClock();
  const waiting: (LiveItem | Error)[] = [];
  const records: Parameters<typeof recordText>[0][] = [];
  const counts = { watches: 0, open: 0, followers: 0 };
  const told: string[] = [];
  let wake = (): void => {};
  async function* pull<Item>(queue: Item[], signal: AbortSignal): AsyncGenerator<Item, void, undefined> {
    while (!signal.aborted) {
      const item = queue.shift();
      if (item instanceof Error) throw item;
      if (item !== undefined) { yield item; continue; }
      await new Promise<void>((resolve) => { const before = wake; wake = () => { before(); resolve(); }; signal.addEventListener('abort', () => resolve(), { once: true }); });
    }
  }
  const hub = new LiveHub({
    clock, log: quiet, observer: { viewers: (id, count) => { told.push(`${id} ${count}`); }, dropped: (id) => { told.push(`${id} dropped`); } },
    backend: {
      live: {
        async *watch(_camera, signal) {
          counts.watches++;
          counts.open++;
          try { yield* pull(waiting, signal) as AsyncGenerator<LiveItem>; } finally { counts.open--; }
        },
        snapshot: () => Promise.reject(new Error('not asked for')),
      },
      async *records({ signal }) {
        counts.followers++;
        try { for await (const record of pull(records, signal)) yield { id: 1, record }; } finally { counts.followers--; }
      },
    },
  });
  const flush = async (): Promise<void> => { const woken = wake; wake = () => {}; woken(); await settle(); };
  return {
    hub, clock, told, watches: () => counts.watches, open: () => counts.open, followers: () => counts.followers,
    async give(...items) { waiting.push(...items); await flush(); }, async record(record) { records.push(record); await flush(); },
  };
}

test('one watch serves every viewer with the same bytes, and a new one begins at the newest key frame at once', async () => {
  const world = camera();
  const [first, second] = [new Viewer(), new Viewer()];
  const leaveFirst = world.hub.join(dock, first);
  const units = [liveUnit(0, true), liveUnit(1), liveUnit(2, true), liveUnit(3)];
  await world.give(liveStart(), ...units);
  const leaveSecond = world.hub.join(dock, second);
  assert.is(second.told.length, 3);
  assert.is(second.told[1], units[2]);
  await world.give(liveUnit(4));
  assert.is(first.told.at(-1), second.told.at(-1));
  assert.equal([...world.hub.viewers()], [[dock, 2]]);
  assert.is(world.watches(), 1);
  leaveFirst();
  leaveFirst(); // idempotent
  assert.is(world.open(), 1);
  leaveSecond();
  await settle();
  assert.is(world.open(), 0);
  assert.equal([...world.hub.viewers()], []);
  world.hub.dropped(dock);
  assert.equal(world.told, ['dock 1', 'dock 2', 'dock 1', 'dock 0', 'dock dropped']);
});

test('a camera that was lost is told, and watched again while it has viewers', async () => {
  const world = camera();
  const viewer = new Viewer();
  const leave = world.hub.join(dock, viewer);
  await world.give(liveStart(1), liveUnit(0, true), new PlatformError('PORT_CLOSED', 'gone'));
  assert.is(viewer.told.at(-1), 'gap session');
  const late = new Viewer();
  const leaveLate = world.hub.join(dock, late);
  assert.equal(late.told, []); // pictures from before the loss are not shown as live
  await world.clock.advance(100);
  await world.give(liveStart(2), liveUnit(0, true));
  assert.is(world.watches(), 2);
  assert.equal(late.told.slice(0, 1), ['start 2']);
  leave();
  leaveLate();
  await settle();
  assert.is(world.open(), 0);
});

test('a camera that is not there ends its viewers', async () => {
  const world = camera();
  const viewer = new Viewer();
  world.hub.join(dock, viewer);
  await world.give(new PlatformError('CAMERA_UNKNOWN', 'gone'));
  assert.equal(viewer.told, ['CAMERA_UNKNOWN']);
  assert.equal([...world.hub.viewers()], []);
});

test('records are followed once for all who want them, and only while somebody does', async () => {
  const world = camera();
  const [plain, one, two] = [new Viewer(), new Viewer(true), new Viewer(true)];
  const leaves = [plain, one, two].map((viewer) => world.hub.join(dock, viewer));
  await settle();
  assert.is(world.followers(), 1);
  await world.record(detected('dock', 3));
  await world.record(dropped('dock', 4, 9));
  assert.equal(plain.told, []);
  assert.is(one.told[0], two.told[0]);
  assert.equal(JSON.parse(one.told[0] as string), {
    type: 'detections', epoch: 1, frameSeq: 3, pts: 120_000, capturedAt: 1_700_000_000_120_000, width: 1920, height: 1080, model: 'motion@1.0.0', ageMs: 7,
    boxes: [{ label: 'person', classId: 0, score: 0.9, box: [1, 2, 3, 4] }],
  });
  assert.equal(JSON.parse(one.told[1] as string), { type: 'dropped', epoch: 1, from: 4, to: 9, reason: 'rate' });
  leaves[1]?.();
  leaves[2]?.();
  await settle();
  assert.is(world.followers(), 0);
  assert.is(world.open(), 1);
  leaves[0]?.();
});

test('a slow viewer goes on at a key frame, with little waiting for it, and what it missed is counted', () => {
  let unsent = 0;
  let drops = 0;
  const gate = new ViewerGate(() => unsent, () => { drops++; });
  const pass = (index: number, isKey = false): string => {
    const { isPassed, dropped: missed } = gate.pass(liveUnit(index, isKey), false);
    return isPassed ? missed > 0 ? `after ${missed}` : 'sent' : 'left out';
  };
  assert.equal([pass(0), pass(1, true), pass(2)], ['left out', 'sent', 'sent']); // not before a key frame
  assert.is(drops, 0);
  unsent = 2 << 20;
  assert.equal([pass(3), pass(4), pass(5, true)], ['left out', 'left out', 'left out']);
  unsent = 1000;
  assert.equal([pass(6), pass(7, true), pass(8)], ['left out', 'after 4', 'sent']);
  assert.is(drops, 4);
});

test('the pictures that a new viewer gets at once are not taken for slowness', () => {
  let unsent = 0;
  const gate = new ViewerGate(() => unsent, () => assert.unreachable());
  for (let index = 0; index < 50; index++) {
    assert.is(gate.pass(liveUnit(index, index === 0), index < 40).isPassed, true);
    unsent += 100_000;
  }
  unsent = 0;
  assert.is(gate.pass(liveUnit(50), false).isPassed, true);
});

test.run();
