import type { Clock } from '../engine/clock.ts';
import type { Envelope, OutPort } from '../engine/ports.ts';
import { deferred, type Deferred } from '../engine/timers.ts';

/** When what was gathered goes on. */
export interface GatherOptions {
  /** Items at which it goes on at once. */
  readonly max: number;
  /** How long the first one waits at most, milliseconds. */
  readonly withinMs: number;
  readonly clock: Clock;
}

interface Group<Body> { readonly items: Envelope<Body>[]; readonly signal: AbortSignal; readonly pushed: Deferred<void> }

/**
 * An output that hands several pushes on as one. Each small push of its own costs the system calls and the waking of two processes;
 * where nobody waits for single items, as in a batch, that is most of the price of a hop. All pushes must bring the same signal.
 */
export function gather<Body>(output: OutPort<Body>, options: GatherOptions): OutPort<Body> {
  let group: Group<Body> | undefined;
  const handOn = (due: Group<Body>): void => {
    if (group !== due) return; // it was full before its time was over
    group = undefined;
    output.push(due.items, due.signal).then(due.pushed.resolve, due.pushed.reject);
  };
  return {
    push(items, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (items.length === 0) return Promise.resolve();
      if (group === undefined) {
        const fresh: Group<Body> = { items: [], signal, pushed: deferred() };
        group = fresh;
        void options.clock.sleep(options.withinMs).then(() => handOn(fresh));
      }
      const { pushed } = group;
      group.items.push(...items);
      if (group.items.length >= options.max) handOn(group);
      return pushed.promise;
    },
    room: signal => output.room(signal),
  };
}
