import type { Clock } from '../../src/engine/clock.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';

/** What a host has of its process. */
export interface HostContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Recorder, 'count' | 'set' | 'forget'>;
}
