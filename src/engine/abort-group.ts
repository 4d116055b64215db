/** A wait that an abort ends. */
export interface Abortable { abort(reason: unknown): void }

/**
 * Ends many short waits when their signal aborts, at the price of one listener per signal instead of one per wait:
 * adding and removing a listener costs more than the hand-off it guards.
 */
export class AbortGroup {
  readonly #waits = new WeakMap<AbortSignal, Set<Abortable>>();

  /** Calls `wait.abort` once if the signal aborts before `forget`. The signal must not have aborted yet. */
  watch(signal: AbortSignal, wait: Abortable): void {
    let waits = this.#waits.get(signal);
    if (waits === undefined) {
      const fresh = new Set<Abortable>();
      signal.addEventListener('abort', () => {
        for (const each of fresh) each.abort(signal.reason);
        fresh.clear();
      }, { once: true });
      this.#waits.set(signal, fresh);
      waits = fresh;
    }
    waits.add(wait);
  }

  /** The wait is over. */
  forget(signal: AbortSignal, wait: Abortable): void {
    this.#waits.get(signal)?.delete(wait);
  }
}

/** One wait of a caller: settles once, by us or by its signal. `onAbort` takes it out of its owner's list. */
export class Wait<Value> implements Abortable {
  readonly promise: Promise<Value>;
  readonly #group: AbortGroup;
  readonly #signal: AbortSignal;
  readonly #onAbort: ((wait: Wait<Value>) => void) | undefined;
  #resolve: (value: Value) => void = unset;
  #reject: (reason: unknown) => void = unset;

  constructor(group: AbortGroup, signal: AbortSignal, onAbort?: (wait: Wait<Value>) => void) {
    this.#group = group;
    this.#signal = signal;
    this.#onAbort = onAbort;
    this.promise = new Promise<Value>((resolve, reject) => { this.#resolve = resolve; this.#reject = reject; });
    group.watch(signal, this);
  }

  resolve(value: Value): void {
    this.#group.forget(this.#signal, this);
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    this.#group.forget(this.#signal, this);
    this.#reject(reason);
  }

  abort(reason: unknown): void {
    this.#onAbort?.(this);
    this.#reject(reason);
  }
}

/** Stands for a promise's functions until its executor has run, which is at once. */
function unset(): void { /* never called */ }
