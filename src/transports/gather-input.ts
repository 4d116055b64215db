import type { Clock } from '../engine/clock.ts';
import type { Delivery, Envelope, InPort } from '../engine/ports.ts';

/** How much is gathered. */
export interface GatherRule<Body> {
  /** Items to hand out at once. Asked for each pull; 1: each by itself, without any wait. */
  readonly target: number;
  /** How long the first one may wait for the others, milliseconds; 0 or less: it takes along what is there. */
  waitMs(first: Envelope<Body>): number;
}

/** An input that hands several items out as one delivery: by count or deadline, and at the end of the input what there is. */
export function gatherInput<Body>(input: InPort<Body>, rule: GatherRule<Body>, clock: Clock): InPort<Body> {
  return {
    async pull(max, signal) {
      const target = Math.min(max, rule.target);
      const first = await input.pull(target, signal);
      const [envelope] = first?.items ?? [];
      if (first === undefined || envelope === undefined || first.items.length >= target) return first;
      const over = new AbortController();
      const end = (): void => over.abort();
      signal.addEventListener('abort', end, { once: true });
      void clock.sleep(rule.waitMs(envelope), over.signal).then(end, () => { /* it is full, or given up */ });
      try {
        return await fill(input, first, target, over.signal);
      } finally {
        signal.removeEventListener('abort', end);
        end();
      }
    },
  };
}

/** Adds what comes until there are `target` items or `over` aborts. */
async function fill<Body>(input: InPort<Body>, first: Delivery<Body>, target: number, over: AbortSignal): Promise<Delivery<Body>> {
  const deliveries = [first];
  for (let missing = target - first.items.length; missing > 0 && !over.aborted;) {
    const next = await input.pull(missing, over).catch((error: unknown) => {
      if (!over.aborted) throw error;
      return undefined;
    });
    if (next === undefined) break; // the time is over, or the input: the next pull says so
    deliveries.push(next);
    missing -= next.items.length;
  }
  return {
    items: deliveries.flatMap(({ items }) => items),
    async ack() { for (const delivery of deliveries) await delivery.ack(); },
    async nack(error) { for (const delivery of deliveries) await delivery.nack(error); },
  };
}
