import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { LifecycleEvent } from '../../src/engine/lifecycle.ts';
import { wantedProviders } from '../../src/utility-ops/config/wanted-providers.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';

/** So often may a device fail in a process, within the time below, before that process does without it. */
const FAILURES_MAX = 3;
const WINDOW_MS = 600_000;
/** For so long; the next replacement of the process after it tries the device again. */
const AVOID_MS = 1_800_000;

/** What a vision process runs on. */
export interface Devices { readonly providers: readonly string[]; readonly decoder: Config['vision']['decoder'] }

/** The one device besides those of providers. */
const DECODER = 'nvdec';

interface Trouble { failedAtMs: number[]; avoidUntilMs: number }

/**
 * Which execution providers a vision process may use when it is started. A device that fails while it runs takes its process with it; when that happens again
 * and again, the process that replaces it leaves the device out, if the settings allow another.
 */
export class ProviderLadder {
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #telemetry: Pick<Recorder, 'count'>;
  readonly #troubles = new Map<string, Trouble>();

  constructor({ config, clock, log, telemetry }: { readonly config: Config; readonly clock: Clock; readonly log: Pick<Logger, 'warn'>; readonly telemetry: Pick<Recorder, 'count'> }) {
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#telemetry = telemetry;
  }

  /** What a process may use now; providers best first, never none. */
  devicesOf(process: string): Devices {
    const wanted = wantedProviders(this.#config.modelOps);
    const left = wanted.filter(provider => !this.#isAvoided(process, provider));
    return { providers: left.length > 0 ? left : wanted, decoder: this.#isAvoided(process, DECODER) ? 'software' : this.#config.vision.decoder };
  }

  #isAvoided(process: string, device: string): boolean {
    return this.#clock.monotonicMs() < (this.#troubles.get(`${process} ${device}`)?.avoidUntilMs ?? 0);
  }

  /** Takes what happened to a process. */
  note(event: LifecycleEvent): void {
    if (event.type !== 'failed' || !(event.error instanceof PlatformError) || event.error.code !== 'DEVICE_FAILED') return;
    const [process, provider, nowMs] = [event.path.join('/'), String(event.error.facts['provider']), this.#clock.monotonicMs()];
    const key = `${process} ${provider}`;
    const trouble = this.#troubles.get(key) ?? { failedAtMs: [], avoidUntilMs: 0 };
    this.#troubles.set(key, trouble);
    trouble.failedAtMs = [...trouble.failedAtMs.filter(atMs => nowMs - atMs < WINDOW_MS), nowMs].slice(-FAILURES_MAX);
    if (trouble.failedAtMs.length < FAILURES_MAX) return;
    trouble.failedAtMs = [];
    trouble.avoidUntilMs = nowMs + AVOID_MS;
    const { providers: [first = provider], decoder } = this.devicesOf(process);
    const used = provider === DECODER ? decoder : first;
    if (used === provider) {
      trouble.avoidUntilMs = 0; // there is no other, or none is allowed
      this.#log.warn({ process, provider, isStrict: this.#config.modelOps.isStrict }, 'device failed repeatedly and there is no other to use');
      return;
    }
    this.#telemetry.count('providerFallbacks', { wanted: provider, used });
    this.#log.warn({ process, wanted: provider, used, reason: event.error.message, forMs: AVOID_MS }, 'device failed repeatedly: the process goes on with another');
  }
}
