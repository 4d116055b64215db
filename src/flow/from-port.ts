import { Observable } from 'rxjs';
import type { Delivery, Envelope, InPort } from '../engine/ports.ts';

/** An item on credit: it counts as outstanding until one of its two ends is called. */
export interface Credited<Body> {
  readonly envelope: Envelope<Body>;
  /** Done. Its delivery is acknowledged once all its items are. Idempotent. */
  settle(): void;
  /** Could not be processed. Its delivery is given back once all its items have ended. Idempotent. */
  fail(error: unknown): void;
}

/** Options of {@link fromPort}. */
export interface FromPortOptions {
  /** Items that may be outstanding downstream. */
  readonly credit: number;
  /** Stops pulling and completes the stream when it aborts; what is outstanding may still be settled. */
  readonly signal: AbortSignal;
}

/**
 * Reads a port by credit: the only place of a flow that can push back, because it stops pulling.
 * Bound: `credit` items outstanding. Loss: none. Completes at the end of the input or when the signal aborts; unsubscribing and errors give back what is outstanding.
 * Errors with what the port's pull throws.
 */
export function fromPort<Body>(port: InPort<Body>, options: FromPortOptions): Observable<Credited<Body>> {
  return new Observable<Credited<Body>>(subscriber => {
    const left = new AbortController();
    const signal = AbortSignal.any([options.signal, left.signal]);
    const ledger = new Ledger<Body>(options.credit, error => subscriber.error(error));
    let isComplete = false;
    subscriber.add(() => {
      left.abort();
      if (!isComplete) ledger.giveBack();
    });

    async function read(): Promise<void> {
      for (;;) {
        await ledger.free(signal);
        const delivery = await port.pull(ledger.left, signal);
        if (delivery === undefined) return;
        if (subscriber.closed) { await delivery.nack(new Error('nobody reads any more')); return; }
        for (const item of ledger.enter(delivery)) subscriber.next(item);
      }
    }
    read().then(
      () => { isComplete = true; subscriber.complete(); },
      (error: unknown) => {
        if (options.signal.aborted) { isComplete = true; subscriber.complete(); }
        else if (!left.signal.aborted) subscriber.error(error);
      },
    );
  });
}

/** Counts what is outstanding. */
class Ledger<Body> {
  left: number;
  readonly #open = new Set<Delivery<Body>>();
  readonly #onError: (error: unknown) => void;
  #wake: (() => void) | undefined;

  constructor(credit: number, onError: (error: unknown) => void) {
    this.left = credit;
    this.#onError = onError;
  }

  /** Resolves when there is credit. */
  async free(signal: AbortSignal): Promise<void> {
    while (this.left <= 0) {
      signal.throwIfAborted();
      await new Promise<void>(resolve => {
        this.#wake = () => { signal.removeEventListener('abort', wake); resolve(); };
        const wake = this.#wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  enter(delivery: Delivery<Body>): Credited<Body>[] {
    this.#open.add(delivery);
    this.left -= delivery.items.length;
    let unended = delivery.items.length;
    let failure: { readonly error: unknown } | undefined;
    const end = (): void => {
      this.left += 1;
      unended -= 1;
      if (unended === 0 && this.#open.delete(delivery)) (failure === undefined ? delivery.ack() : delivery.nack(failure.error)).catch(this.#onError);
      this.#wake?.();
    };
    return delivery.items.map(envelope => {
      let isOpen = true;
      return {
        envelope,
        settle() { if (isOpen) { isOpen = false; end(); } },
        fail(error: unknown) { if (isOpen) { isOpen = false; failure ??= { error }; end(); } },
      };
    });
  }

  giveBack(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const delivery of open) delivery.nack(new Error('nobody reads any more')).catch(this.#onError);
  }
}
