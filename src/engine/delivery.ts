import type { Delivery, Envelope } from './ports.ts';

const DONE = Promise.resolve();

/** A delivery whose end, whichever comes first, counts once. */
export function deliveryOf<Body>(items: readonly Envelope<Body>[], onAck: () => void, onNack: () => void): Delivery<Body> {
  let isOpen = true;
  const end = (how: () => void): Promise<void> => {
    if (isOpen) { isOpen = false; how(); }
    return DONE;
  };
  return { items, ack: () => end(onAck), nack: () => end(onNack) };
}
