import { every } from '../../src/engine/timers.ts';
import type { RoleContext } from './role-process.ts';

/** A bounded queue that can tell how much waits in it. */
export interface Queue { depth(): { readonly items: number; readonly bytes: number } }

const GAUGE_EVERY_MS = 1_000;

/** Keeps the gauges of a process's queues up to date until it ends. The names become the label `queue`. */
export function gaugeQueues(queues: Readonly<Record<string, Queue>>, ctx: Pick<RoleContext, 'clock' | 'signal' | 'telemetry'>): void {
  void every(GAUGE_EVERY_MS, ctx.clock, ctx.signal, () => {
    for (const [queue, port] of Object.entries(queues)) {
      const { items, bytes } = port.depth();
      ctx.telemetry.set('queueItems', { queue }, items);
      ctx.telemetry.set('queueBytes', { queue }, bytes);
    }
  });
}
