import { systemClock } from '../engine/system-clock.ts';
import { every } from '../engine/timers.ts';

const LOOK_EVERY_MS = 250;

/**
 * Ends this process in good order, by a SIGTERM to itself, when the launcher that started it is gone: a launcher that was killed hands no
 * signal on. Without a launcher it does nothing.
 */
export async function endWithLauncher(environment: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Promise<void> {
  const launcher = process.ppid;
  if (environment['VTO_LAUNCHER_PID'] !== String(launcher)) return;
  const gone = new AbortController();
  await every(LOOK_EVERY_MS, systemClock, AbortSignal.any([signal, gone.signal]), () => {
    if (process.ppid === launcher) return;
    gone.abort();
    process.kill(process.pid, 'SIGTERM');
  });
}
