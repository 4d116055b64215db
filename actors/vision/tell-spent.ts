import { every } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { RoleContext } from '../process/role-process.ts';
import type { SpentNote } from './switch-messages.ts';

const TELL_EVERY_MS = 5_000;

/** Counts what is spent on each camera and tenant, and tells the root, which places cameras by it. Returns where it is counted. */
export function tellSpent({ clock, signal, telemetry, note }: Pick<RoleContext, 'clock' | 'signal' | 'telemetry' | 'note'>, tenantOf: (camera: CameraId) => string): (camera: CameraId, ms: number) => void {
  const spent = new Map<CameraId, number>();
  let sinceMs = clock.monotonicMs();
  void every(TELL_EVERY_MS, clock, signal, () => {
    const nowMs = clock.monotonicMs();
    note({ type: 'spent', periodMs: nowMs - sinceMs, cameras: Object.fromEntries(spent) } satisfies SpentNote);
    for (const [camera, ms] of spent) {
      telemetry.count('cameraSpent', { camera }, ms / 1000);
      telemetry.count('tenantSpent', { tenant: tenantOf(camera) }, ms / 1000);
    }
    spent.clear();
    sinceMs = nowMs;
  });
  return (camera, ms) => { spent.set(camera, (spent.get(camera) ?? 0) + ms); };
}
