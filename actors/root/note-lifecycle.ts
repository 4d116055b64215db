import type { Clock } from '../../src/engine/clock.ts';
import { reportError } from '../../src/engine/errors.ts';
import type { LifecycleEvent } from '../../src/engine/lifecycle.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';

/** Where what happens to the root's children is told. */
export interface LifecycleNotes {
  readonly log: Logger;
  readonly clock: Clock;
  readonly telemetry: Pick<Recorder, 'count'>;
  /** True when the name is that of a process. */
  readonly isProcess: (name: string) => boolean;
}

/** Logs and counts what happened to a child of the root, and gives it as an event of the platform. */
export function noteLifecycle(event: LifecycleEvent, { log, clock, telemetry, isProcess }: LifecycleNotes): PlatformEvent {
  const name = event.path.join('/');
  if (event.type === 'failed') {
    if (isProcess(name)) telemetry.count('processRestarts', { child: name });
    else telemetry.count('actorRestarts', { actor: name });
    log.warn({ child: name, generation: event.generation, retryInMs: Math.round(event.retryInMs), error: reportError(event.error) }, 'process failed and is started again');
  }
  if (event.type === 'escalated') log.error({ child: name, error: reportError(event.error) }, 'process gave up');
  if (event.type === 'stuck') log.error({ child: name, waitedMs: event.waitedMs }, 'process did not stop');
  const state = ({ started: 'started', failed: 'exited', ended: 'exited', stopped: 'stopped', escalated: 'escalated', stuck: 'exited' } as const)[event.type];
  return { type: 'process', at: clock.now(), process: name, state, generation: event.generation };
}
