import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LadderOptions } from '../../src/ingress/ladder.ts';
import type { Source, SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { FakeCamera } from '../support/fake-camera.ts';
import { settle, type FakeClock } from '../support/fake-clock.ts';
import { PARAMETERS } from '../support/fake-media.ts';
import { LadderWorld } from '../support/ladder-world.ts';

const gapsMs = (units: readonly SourceUnit[]): number[] => units.slice(1).map(({ capturedAt }, index) => (capturedAt - units[index]!.capturedAt) / 1000);

test('a warm standby takes over from its newest key frame before the loss: nothing is missing, and times go on', async () => {
  const world = new LadderWorld().start();
  await world.clock.advance(4_030);
  assert.is(world.active, 'main');
  assert.is(world.spare.sessions, 1, 'the standby is connected');
  world.main.mood = 'away';
  world.main.hangUp();
  await world.clock.advance(500);
  assert.is(world.active, 'spare');
  assert.equal(world.switches, ['main>spare SOURCE_UNREACHABLE']);
  const [first, second] = world.epochs;
  assert.ok(second!.units[0]!.isKey && second!.units[0]!.parameters !== undefined);
  const overlapMs = (first!.units.at(-1)!.capturedAt - second!.units[0]!.capturedAt) / 1000;
  assert.ok(overlapMs >= 0 && overlapMs < 500, `${overlapMs} ms of the last GOP are recorded twice`);
  assert.is(Math.max(...gapsMs(second!.units)), 100, 'no picture of the standby is missing');
  await world.end();
});

test('a camera that falls silent is replaced by what its standby saw meanwhile', async () => {
  const world = new LadderWorld().start();
  await world.clock.advance(4_030);
  world.main.isStalled = true;
  await world.clock.advance(3_000);
  assert.equal(world.epochs.map(({ endedWith }) => endedWith), ['SOURCE_STALLED', undefined]);
  const [first, second] = world.epochs;
  assert.ok(second!.units[0]!.capturedAt <= first!.units.at(-1)!.capturedAt, 'the standby covers the stall');
  assert.is(Math.max(...gapsMs(second!.units)), 100);
  await world.end();
});

test('a cold standby is opened when the source before it fails, and closed again when that is back first', async () => {
  const world = new LadderWorld().start({ standby: 'cold' });
  await world.clock.advance(3_000);
  assert.is(world.spare.opened, 0);
  world.main.mood = 'away';
  world.main.hangUp();
  await world.clock.advance(1_000);
  assert.is(world.active, 'spare');
  assert.is(world.spare.opened, 1);
  await world.end();
});

test('the better source is returned to after it was stable, without a gap, and the other one is the standby again', async () => {
  const world = new LadderWorld().start();
  await world.clock.advance(3_000);
  world.main.mood = 'away';
  world.main.hangUp();
  await world.clock.advance(2_000);
  assert.is(world.active, 'spare');
  world.main.mood = 'up';
  const backAtMs = world.clock.monotonicMs();
  await world.clock.advance(4_500);
  assert.is(world.active, 'spare', 'not yet');
  assert.is(world.main.sessions, 1, 'it is being watched');
  await world.clock.advance(2_000);
  assert.is(world.active, 'main');
  assert.ok(world.epochs.at(-1)!.openedAtMs - backAtMs >= 5_000);
  assert.equal(world.switches, ['main>spare SOURCE_UNREACHABLE', 'spare>main']);
  assert.is(world.main.opened, 2, 'the session that was watched is the one that is recorded');
  assert.is(world.spare.opened, 1, 'the one that gave way is the standby again');
  const [, second, third] = world.epochs;
  assert.is(second!.endedWith, 'SOURCE_REPLACED');
  assert.ok(third!.units[0]!.capturedAt <= second!.units.at(-1)!.capturedAt, 'no gap');
  await world.end();
});

test('a primary that comes and goes is not returned to before it is stable', async () => {
  const world = new LadderWorld().start();
  await world.clock.advance(3_000);
  for (let round = 0; round < 5; round++) {
    world.main.mood = 'away';
    world.main.hangUp();
    await world.clock.advance(1_000);
    world.main.mood = 'up';
    await world.clock.advance(4_000);
    assert.is(world.active, 'spare', `round ${round}`);
  }
  assert.is(world.epochs.length, 2);
  await world.clock.advance(3_000);
  assert.is(world.active, 'main');
  await world.end();
});

test('while all are away each is asked twice a second; the first that is back is recorded within a second', async () => {
  const world = new LadderWorld();
  world.main.mood = world.spare.mood = 'away';
  world.start();
  await world.clock.advance(30_000);
  for (const camera of [world.main, world.spare]) assert.ok(camera.askedAtMs.length >= 48 && camera.askedAtMs.length <= 80, `${camera.label} asked ${camera.askedAtMs.length} times in 30 s`);
  assert.ok(world.told.length <= 5, `told ${world.told.length} times`);
  assert.equal(new Set(world.told), new Set(['SOURCE_UNREACHABLE']));
  assert.equal(world.ladder.sources().map(({ state, code }) => `${state} ${code}`), ['away SOURCE_UNREACHABLE', 'away SOURCE_UNREACHABLE']);
  world.spare.mood = 'up';
  await world.clock.advance(700);
  assert.is(world.active, 'spare');
  assert.equal(world.switches, ['main>spare SOURCE_UNREACHABLE']);
  await world.end();
});

test('a single source that is away is recorded within 0.7 s of its return, fifty times', async () => {
  const world = new LadderWorld();
  world.start({ rungs: [{ source: world.main, isCamera: true }] });
  for (let round = 0; round < 50; round++) {
    await world.clock.advance(2_500);
    world.main.mood = 'away';
    world.main.hangUp();
    await world.clock.advance(1_000 + round * 37);
    world.main.mood = 'up';
    const before = world.epochs.length;
    await world.clock.advance(700);
    assert.is(world.epochs.length, before + 1, `round ${round}`);
  }
  assert.equal(world.switches, []);
  await world.end();
});

test('a camera that answers and refuses is asked less and less often, one that refuses the login least', async () => {
  const asked = async (mood: 'refusing' | 'login'): Promise<number[]> => {
    const world = new LadderWorld();
    world.main.mood = mood;
    world.start({ rungs: [{ source: world.main, isCamera: true }] });
    await world.clock.advance(600_000);
    await world.end();
    return world.main.askedAtMs;
  };
  const [refused, login] = [await asked('refusing'), await asked('login')];
  assert.ok(refused.length > 50 && refused.length < 95, `${refused.length} times in 10 minutes`);
  assert.ok(login.length > 10 && login.length < 25, `${login.length} times in 10 minutes`);
  const waits = refused.slice(1).map((at, index) => at - refused[index]!);
  assert.ok(waits[0]! <= 250 && waits[0]! >= 175 && Math.max(...waits) <= 10_000, waits.slice(0, 8).join());
});

test('a source that ends right after its first pictures is not opened again and again', async () => {
  const world = new LadderWorld();
  world.start({ rungs: [{ source: world.main, isCamera: true }] });
  for (let ms = 0; ms < 60_000; ms += 100) {
    await world.clock.advance(100);
    world.main.hangUp();
  }
  assert.ok(world.main.opened < 20, `${world.main.opened} sessions in a minute`);
  await world.end();
});

test('a source that can never be opened is left out; when none can, that is the end', async () => {
  const world = new LadderWorld();
  world.spare.mood = 'broken';
  world.start();
  await world.clock.advance(2_000);
  assert.equal(world.ladder.sources().map(({ state }) => state), ['active', 'failed']);
  world.main.mood = 'away';
  world.main.hangUp();
  await world.clock.advance(5_000);
  assert.is(world.spare.askedAtMs.length, 1, 'the bad one is not asked again');
  world.main.mood = 'up';
  await world.clock.advance(1_000);
  assert.is(world.active, 'main');
  await world.end();

  const hopeless = new LadderWorld();
  hopeless.main.mood = hopeless.spare.mood = 'broken';
  hopeless.start();
  await hopeless.clock.advance(1_000);
  assert.equal(hopeless.told, ['MEDIA_UNSUPPORTED']);
  await hopeless.end();
});

test('a source that opens without end does not keep the next one waiting', async () => {
  const world = new LadderWorld();
  world.main.mood = 'silent';
  world.start({ standby: 'cold' });
  await world.clock.advance(3_500);
  assert.is(world.active, 'spare');
  await world.end();
});

test('with three sources the standby is the next one that works', async () => {
  const world = new LadderWorld();
  const third = new FakeCamera('third', world.clock);
  world.spare.mood = 'away';
  world.start({ rungs: [world.main, world.spare, third].map(source => ({ source, isCamera: true })) as unknown as LadderOptions['rungs'] });
  await world.clock.advance(3_000);
  assert.equal(world.ladder.sources().map(({ state }) => state), ['active', 'away', 'standby']);
  world.spare.mood = 'up';
  await world.clock.advance(1_500);
  assert.equal(world.ladder.sources().map(({ state }) => state), ['active', 'standby', 'idle']);
  assert.is(third.sessions, 0, 'one standby is enough');
  world.spare.mood = world.main.mood = 'away';
  world.main.hangUp();
  world.spare.hangUp();
  await world.clock.advance(1_500);
  assert.is(world.active, 'third');
  await world.end();
  assert.is(third.sessions, 0);
});

/** A recording of so many units, as fast as it is read or one every 100 ms. */
function recording(label: string, clock: FakeClock, units: number, isLive: boolean): Source & { opened: number } {
  const source = {
    label, opened: 0,
    async open(): Promise<SourceSession> {
      source.opened += 1;
      let position = 0;
      return {
        isLive, expectedUnits: units, unreadablePackets: 0, lastUnreadable: undefined,
        async next(signal) {
          signal.throwIfAborted();
          if (position >= units) return undefined;
          if (isLive) await clock.sleep(100, signal);
          const index = position++;
          return { data: Uint8Array.of(index), pts: 5 + index * 9000, dts: 5 + index * 9000, duration: 9000, isKey: index === 0, isCorrupt: false, capturedAt: clock.now(), arrivedAt: clock.now(), ...index === 0 && { parameters: PARAMETERS } };
        },
        close: async () => undefined,
      };
    },
  };
  return source;
}

test('a file alone is played as it is, from its first unit to its end', async () => {
  const world = new LadderWorld();
  world.start({ rungs: [{ source: recording('file', world.clock, 20, false), isCamera: false }] });
  await world.clock.advance(100);
  assert.equal(world.epochs.map(({ units, endedWith }) => `${units.length} ${endedWith}`), ['20 end']);
  assert.equal(world.units.map(({ pts }) => pts), Array.from({ length: 20 }, (_, index) => 5 + index * 9000));
  await world.end();
});

test('a file below a camera is played while the camera is away, once, and again the next time', async () => {
  const world = new LadderWorld();
  const file = recording('file', world.clock, 10, true);
  world.start({ rungs: [{ source: world.main, isCamera: true }, { source: file, isCamera: false }] });
  await world.clock.advance(3_000);
  assert.is(file.opened, 0, 'it need not be kept open');
  for (const round of [1, 2]) {
    world.main.mood = 'away';
    world.main.hangUp();
    await world.clock.advance(5_000);
    assert.is(file.opened, round, 'it ended, and is not played again meanwhile');
    assert.is(world.active, undefined);
    world.main.mood = 'up';
    await world.clock.advance(3_000);
    assert.is(world.active, 'main');
  }
  assert.equal(world.switches, ['main>file SOURCE_UNREACHABLE', 'file>main', 'main>file SOURCE_UNREACHABLE', 'file>main']);
  await world.end();
});

test('it can be stopped at any moment without leaving anything open', async () => {
  for (let atMs = 0; atMs < 12_000; atMs += 230) {
    const world = new LadderWorld().start();
    const script = [[2_000, 'away'], [4_000, 'up']] as const;
    let nowMs = 0;
    for (const [dueMs, mood] of script) {
      if (dueMs > atMs) break;
      await world.clock.advance(dueMs - nowMs);
      nowMs = dueMs;
      world.main.mood = mood;
      if (mood === 'away') world.main.hangUp();
    }
    await world.clock.advance(atMs - nowMs);
    await world.end();
  }
});

test('a lost session is closed before its camera is asked for the next one, and nobody else waits for that', async () => {
  const world = new LadderWorld();
  let tooEarly = 0;
  const slow: Source = {
    label: 'slow',
    async open(signal) {
      if (world.main.sessions > 0) tooEarly += 1;
      const session = await world.main.open(signal);
      return { ...session, next: until => session.next(until), close: async () => { await world.clock.sleep(3_000); await session.close(); } };
    },
  };
  world.start({ rungs: [{ source: slow, isCamera: true }, { source: world.spare, isCamera: true }] });
  await world.clock.advance(3_000);
  world.main.hangUp();
  await world.clock.advance(100);
  assert.is(world.active, 'spare');
  assert.is(world.main.opened, 1);
  await world.clock.advance(3_500);
  assert.is(world.main.opened, 2);
  assert.is(tooEarly, 0, 'many cameras have one session only');
  world.stop.abort(new Error('enough'));
  const closing = world.ladder.close();
  await world.clock.advance(10_000);
  await closing;
  await world.end();
});

test('closing it closes what its sources keep', async () => {
  const world = new LadderWorld();
  let closed = 0;
  const keeping: Source = { label: 'keeping', open: signal => world.main.open(signal), close: async () => { closed += 1; } };
  world.start({ rungs: [{ source: keeping, isCamera: true }] });
  await world.clock.advance(500);
  assert.is(closed, 0);
  await world.end();
  assert.is(closed, 1);
});

test('after close it can be opened again', async () => {
  const world = new LadderWorld().start();
  await world.clock.advance(1_000);
  await world.end();
  const again = world.ladder.open(new AbortController().signal);
  await world.clock.advance(100);
  const session = await again;
  assert.is((await session.next(new AbortController().signal))!.isKey, true);
  await session.close();
  await world.ladder.close();
  assert.is(world.sessions, 0);
});

test('how long a better source must be stable can be changed while it is watched', async () => {
  const world = new LadderWorld().start({ restoreAfterMs: 60_000 });
  await world.clock.advance(3_000);
  world.main.hangUp();
  await world.clock.advance(3_000);
  assert.is(world.active, 'spare');
  world.ladder.restoreAfter(1_000);
  await world.clock.advance(300);
  assert.is(world.active, 'main');
  await world.end();
});

test('what a warm standby keeps is bounded', async () => {
  const world = new LadderWorld();
  const heavy = new FakeCamera('heavy', world.clock, { unitBytes: 1 << 20, gop: 1000 });
  world.start({ rungs: [{ source: world.main, isCamera: true }, { source: heavy, isCamera: true }] });
  await world.clock.advance(5_000);
  assert.is(heavy.sessions, 1);
  assert.is(world.ladder.sources()[1]!.state, 'trying', 'its GOP is larger than what is kept: the next key frame is waited for');
  await settle();
  await world.end();
});

test.run();
