import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createLadder, type Ladder, type LadderOptions } from '../../src/ingress/ladder.ts';
import type { SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { FakeCamera } from './fake-camera.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';

/** One session as whoever records it sees it. */
export interface Epoch { readonly units: SourceUnit[]; endedWith: string | undefined; readonly openedAtMs: number }

/** A ladder on a clock that stands still, and whoever records from it: each failure is followed by the next session, as the camera actor does it. */
export class LadderWorld {
  readonly clock: FakeClock = fakeClock();
  readonly main = new FakeCamera('main', this.clock);
  readonly spare = new FakeCamera('spare', this.clock);
  readonly epochs: Epoch[] = [];
  readonly told: string[] = [];
  readonly switches: string[] = [];
  readonly stop = new AbortController();
  ladder!: Ladder;
  recording!: Promise<void>;

  start(options: Partial<LadderOptions> = {}): this {
    this.ladder = createLadder({
      rungs: [{ source: this.main, isCamera: true }, { source: this.spare, isCamera: true }],
      standby: 'warm', restoreAfterMs: 5000, stallMs: 2000, backoffMs: 250, backoffMaxMs: 10_000, clock: this.clock, random: seededRandom(7), ...options,
      onSwitch: ({ from, to, reason }) => this.switches.push(`${from}>${to}${reason === undefined ? '' : ` ${reason}`}`),
    });
    this.recording = this.#record();
    return this;
  }

  /** The source that is recorded. */
  get active(): string | undefined { return this.ladder.sources().find(({ state }) => state === 'active')?.label; }
  get sessions(): number { return this.main.sessions + this.spare.sessions; }
  get units(): SourceUnit[] { return this.epochs.flatMap(({ units }) => units); }

  async end(): Promise<void> {
    this.stop.abort(new Error('enough'));
    await this.clock.advance(100);
    await this.recording;
    await this.ladder.close();
    assert.is(this.sessions, 0, 'no session is left open');
    assert.is(this.clock.sleeping(), 0, 'nothing waits any more');
    const seconds = this.units.map(({ dts }) => dts!);
    assert.equal(seconds, [...new Set(seconds)].toSorted((a, b) => a - b), 'DTS grows from session to session');
  }

  async #record(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      let session: SourceSession | undefined;
      try {
        session = await this.ladder.open(signal);
        const epoch: Epoch = { units: [], endedWith: undefined, openedAtMs: this.clock.monotonicMs() };
        this.epochs.push(epoch);
        for (let unit = await session.next(signal); unit !== undefined; unit = await session.next(signal)) epoch.units.push(unit);
        epoch.endedWith = 'end';
        return;
      } catch (error) {
        if (signal.aborted) return;
        const code = error instanceof PlatformError ? error.code : String(error);
        const last = this.epochs.at(-1);
        if (session !== undefined && last !== undefined) last.endedWith = code;
        this.told.push(code);
        if (error instanceof PlatformError && error.fate === 'stop') return;
      } finally {
        await session?.close();
      }
      await this.clock.sleep(10, signal).catch(() => undefined);
    }
  }
}
