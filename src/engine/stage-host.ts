import { fateOf } from './errors.ts';
import type { Delivery, Envelope, InPort, OutPort } from './ports.ts';
import type { Stage, StageContext, StageObserver } from './stage.ts';
import { deferred, every, type Deferred } from './timers.ts';

/** How often the host says `progress` while it waits for its ports: an idle or blocked stage is not a stalled one. */
const IDLE_PROGRESS_MS = 250;

/** What {@link runStage} runs and how. */
export interface StageHostOptions<In, Out> {
  readonly stage: Stage<In, Out>;
  readonly input: InPort<In>;
  /** Absent for a stage whose results leave by another way: its outputs are then ignored. */
  readonly output?: OutPort<Out>;
  readonly ctx: StageContext;
  readonly observer: StageObserver;
  /** Most items given to one `process`. */
  readonly maxBatch: number;
  /** Batches processed whose outputs are not yet acknowledged; the next one waits. */
  readonly maxInFlight: number;
  readonly retry: {
    /** Attempts after the first, for errors whose fate is `retry`; then the stage fails with the error. */
    readonly maxRetries: number;
    /** First wait; doubles up to `backoffMaxMs`. */
    readonly backoffMs: number;
    readonly backoffMaxMs: number;
  };
  /** How long outputs already pushed may still be acknowledged after a failure or stop, before their inputs are given back. */
  readonly drainMs: number;
  /** Takes what could not be processed (fate `skip`); when it throws, the stage fails and the input is given back. Absent: it is only counted. */
  deadLetter?(envelopes: readonly Envelope<In>[], error: unknown): void | Promise<void>;
}

/**
 * Runs a stage: pull → process → push → ack, until the input ends or the signal aborts. Inputs are acknowledged in order, each after its outputs are.
 * `close` is called once whatever happens.
 * @throws the error of a stage or port that could not be answered by `retry` or `skip`; every input not acknowledged was given back before
 */
export async function runStage<In, Out>(options: StageHostOptions<In, Out>): Promise<void> {
  const { stage, ctx, observer } = options;
  try {
    await stage.open(ctx);
    await new StageHost(options).run();
  } catch (error) {
    if (ctx.signal.aborted) return; // told to stop: whatever broke on the way is no failure
    observer.failed(ctx.name, error);
    throw error;
  } finally {
    try {
      await stage.close();
    } catch (error) {
      observer.failed(ctx.name, error);
    }
  }
}

class StageHost<In, Out> {
  readonly #options: StageHostOptions<In, Out>;
  /** Aborts when the loop must end: told to stop, or outputs were refused. */
  readonly #loop = new AbortController();
  /** Aborts when nobody waits any longer for outputs under way. */
  readonly #giveUp = new AbortController();
  /** Deliveries not yet acknowledged, oldest first. */
  readonly #unsettled: Delivery<In>[] = [];
  #acknowledged: Promise<void> = Promise.resolve();
  /** Somebody waits for a delivery to be acknowledged. */
  #freed: Deferred<void> | undefined;
  #isProcessing = false;
  #blockedMs = 0;

  constructor(options: StageHostOptions<In, Out>) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options.ctx;
    const stop = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const alive = every(IDLE_PROGRESS_MS, clock, this.#loop.signal, () => { if (!this.#isProcessing) this.#options.ctx.progress(); });
    try {
      while (await this.#step()) { /* until the input ends */ }
      await this.#acknowledged;
      this.#loop.signal.throwIfAborted();
    } catch (error) {
      this.#end(error);
      await this.#drain();
      for (const delivery of this.#unsettled.splice(0)) await delivery.nack(error);
      throw error;
    } finally {
      this.#end(undefined);
      signal.removeEventListener('abort', stop);
      await alive;
    }
  }

  /** One batch. False at the end of the input. */
  async #step(): Promise<boolean> {
    const { input, maxBatch, maxInFlight, ctx, observer } = this.#options;
    while (this.#unsettled.length >= maxInFlight && !this.#loop.signal.aborted) await this.#blocked((this.#freed ??= deferred()).promise);
    this.#loop.signal.throwIfAborted();
    const delivery = await input.pull(maxBatch, this.#loop.signal);
    if (delivery === undefined) return false;
    this.#unsettled.push(delivery);
    ctx.progress();
    const startedMs = ctx.clock.monotonicMs();
    this.#isProcessing = true;
    const outputs = await this.#process(delivery.items).finally(() => { this.#isProcessing = false; });
    ctx.progress();
    const seconds = (ctx.clock.monotonicMs() - startedMs) / 1000;
    await this.#send(delivery, outputs);
    observer.batch(ctx.name, { in: delivery.items.length, out: outputs.length, seconds, blockedSeconds: this.#blockedMs / 1000 });
    this.#blockedMs = 0;
    return true;
  }

  async #process(items: readonly Envelope<In>[]): Promise<readonly Envelope<Out>[]> {
    const { stage, ctx, observer, retry } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await stage.process(items, ctx);
      } catch (error) {
        if (ctx.signal.aborted) throw error;
        switch (fateOf(error)) {
          case 'skip': observer.failed(ctx.name, error); return this.#skip(items, error);
          case 'retry':
            if (attempt >= retry.maxRetries) throw error;
            observer.failed(ctx.name, error);
            await ctx.clock.sleep(Math.min(retry.backoffMs * 2 ** attempt, retry.backoffMaxMs), this.#loop.signal);
            ctx.progress();
            break;
          case 'restart': case 'stop': throw error;
        }
      }
    }
  }

  /** Tries the items of a bad batch one by one, so that only the bad ones are left behind. */
  async #skip(items: readonly Envelope<In>[], error: unknown): Promise<readonly Envelope<Out>[]> {
    if (items.length > 1) {
      const outputs: Envelope<Out>[] = [];
      for (const item of items) outputs.push(...await this.#process([item]));
      return outputs;
    }
    const { ctx, observer } = this.#options;
    await this.#options.deadLetter?.(items, error);
    observer.dropped(ctx.name, 'dead-letter', items.length, false);
    return [];
  }

  async #send(delivery: Delivery<In>, outputs: readonly Envelope<Out>[]): Promise<void> {
    const { output } = this.#options;
    let pushed: Promise<void> | undefined;
    if (output !== undefined && outputs.length > 0) {
      if (!this.#loop.signal.aborted) await this.#blocked(output.room(this.#loop.signal)); // when ending, one batch may exceed the bound instead of being done again
      pushed = output.push(outputs, this.#giveUp.signal);
    }
    const acknowledged = this.#acknowledge(delivery, pushed, this.#acknowledged);
    acknowledged.catch((error: unknown) => { this.#end(error); });
    this.#acknowledged = acknowledged;
  }

  /** Acknowledges a delivery once its outputs are, and after those `before` it. */
  async #acknowledge(delivery: Delivery<In>, pushed: Promise<void> | undefined, before: Promise<void>): Promise<void> {
    if (pushed !== undefined) await pushed;
    await before;
    await delivery.ack();
    this.#unsettled.shift();
    this.#freed?.resolve();
    this.#freed = undefined;
  }

  /** Lets outputs under way be acknowledged, within a limit. */
  async #drain(): Promise<void> {
    const { clock } = this.#options.ctx;
    const done = new AbortController();
    const acknowledged = this.#acknowledged.catch(() => { /* its inputs are given back */ });
    const tooLong = clock.sleep(this.#options.drainMs, done.signal).catch(() => { /* drained in time */ });
    await Promise.race([acknowledged, tooLong]);
    done.abort();
    this.#giveUp.abort();
    await acknowledged;
  }

  async #blocked(wait: Promise<void>): Promise<void> {
    const { clock } = this.#options.ctx;
    const startedMs = clock.monotonicMs();
    await wait;
    this.#blockedMs += clock.monotonicMs() - startedMs;
  }

  #end(reason: unknown): void {
    if (this.#loop.signal.aborted) return;
    this.#loop.abort(reason);
    this.#freed?.resolve();
    this.#freed = undefined;
  }
}
