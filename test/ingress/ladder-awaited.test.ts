import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createLadder, type LadderOptions } from '../../src/ingress/ladder.ts';
import type { Source, SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { FakeCamera } from '../support/fake-camera.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { PARAMETERS } from '../support/fake-media.ts';

/** A source that waits for somebody to send, as whip:// does, for as long as it takes. */
class Awaited implements Source {
  readonly label = 'whip';
  readonly isAwaited = true;
  opened = 0;
  readonly #clock: FakeClock;
  #arrive: (session: SourceSession) => void = () => {};

  constructor(clock: FakeClock) { this.#clock = clock; }

  open(signal: AbortSignal): Promise<SourceSession> {
    this.opened += 1;
    return new Promise((resolve, reject) => {
      this.#arrive = resolve;
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  /** Somebody sends so many pictures, a key picture each, and is gone. */
  send(pictures: number): void {
    const clock = this.#clock;
    let index = 0;
    this.#arrive({
      isLive: true, expectedUnits: null, unreadablePackets: 0, lastUnreadable: undefined, close: async () => {},
      async next(signal): Promise<SourceUnit> {
        signal.throwIfAborted();
        await clock.sleep(40, signal);
        if (index === pictures) throw new PlatformError('SOURCE_STALLED', 'the publisher is gone', {});
        index += 1;
        return { data: Uint8Array.of(1), pts: index * 3600, dts: index * 3600, duration: 3600, isKey: true, isCorrupt: false, capturedAt: clock.now(), arrivedAt: clock.now(), parameters: PARAMETERS };
      },
    });
  }
}

/** What is told while a ladder is recorded from, session after session. */
interface Told { readonly failures: string[]; readonly switches: string[]; units: number }

async function recording(clock: FakeClock, rungs: LadderOptions['rungs'], check: (told: Told, ladder: ReturnType<typeof createLadder>) => Promise<void>): Promise<void> {
  const told: Told = { failures: [], switches: [], units: 0 };
  const ladder = createLadder({
    rungs, standby: 'cold', restoreAfterMs: 200, stallMs: 2000, backoffMs: 250, backoffMaxMs: 10_000, clock, random: seededRandom(7),
    onSwitch: ({ from, to }) => { told.switches.push(`${from}>${to}`); },
  });
  const stop = new AbortController();
  const record = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      let session: SourceSession | undefined;
      try {
        session = await ladder.open(stop.signal);
        while (await session.next(stop.signal) !== undefined) told.units += 1;
      } catch (error) {
        if (!stop.signal.aborted) told.failures.push(error instanceof PlatformError ? error.code : String(error));
      } finally {
        await session?.close();
      }
    }
  };
  const recorded = record();
  await check(told, ladder);
  stop.abort(new Error('enough'));
  await clock.advance(100);
  await recorded;
  await ladder.close();
  assert.is(clock.sleeping(), 0, 'nothing waits any more');
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 40) await clock.advance(40);
}

test('a source that waits for a sender does not fail by waiting: it is opened once for each sender, and each loss told once', async () => {
  const clock = fakeClock();
  const whip = new Awaited(clock);
  await recording(clock, [{ source: whip, isCamera: true }], async (told, ladder) => {
    assert.ok(ladder.isAwaited);
    await pass(clock, 60_000);
    assert.equal([told.failures, whip.opened], [[], 1]);
    for (const round of [1, 2]) {
      whip.send(10);
      await pass(clock, 60_000);
      assert.equal([told.failures.length, whip.opened, told.units], [round, round + 1, round * 10]);
    }
  });
});

test('while nobody sends, the next source is used; a sender that is there for long enough is used again', async () => {
  const clock = fakeClock();
  const whip = new Awaited(clock);
  const spare = new FakeCamera('spare', clock);
  await recording(clock, [{ source: whip, isCamera: true }, { source: spare, isCamera: true }], async (told, ladder) => {
    assert.not.ok(ladder.isAwaited);
    await pass(clock, 5_000);
    assert.equal(told.switches, ['whip>spare']);
    whip.send(1000);
    await pass(clock, 5_000);
    assert.equal(told.switches, ['whip>spare', 'spare>whip']);
  });
});

test.run();
