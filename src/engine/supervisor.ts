import type { Actor, ActorContext, ActorReport, ActorState, Exit, RestartPolicy, Supervised } from './actor.ts';
import type { Clock } from './clock.ts';
import { fateOf, PlatformError, reportError } from './errors.ts';
import { Family } from './family.ts';
import type { LifecycleEvent, LifecycleListener } from './lifecycle.ts';
import type { Mailbox } from './mailbox.ts';
import type { Random } from './random.ts';
import { createRestartBudget, type RestartBudget } from './restart-budget.ts';
import { deferred } from './timers.ts';

/** Messages told and not yet received by one actor; more are refused, because nact's mailboxes have no bound of their own. */
const TELL_LIMIT = 1024;

/** What every supervisor of one system shares. */
export interface SupervisorDeps { readonly clock: Clock; readonly random: Random; readonly onEvent: LifecycleListener }

/** Where an actor hangs in the tree. */
export interface Position { readonly mailbox: Pick<Mailbox<never>, 'child'>; readonly path: readonly string[] }

type Control =
  | { readonly type: 'start' | 'stop' | 'tell' }
  | { readonly type: 'stalled' | 'overdue' | 'emptied'; readonly generation: Generation }
  | { readonly type: 'settled'; readonly generation: Generation; readonly failure: Failure | undefined };

interface Failure { readonly error: unknown }

/** One run of the actor, from its start until it has settled (or was left behind) and its children have stopped. */
interface Generation {
  readonly number: number;
  /** Aborts when the run must end. */
  readonly lifetime: AbortController;
  /** Aborts when the generation is over: nobody waits for it any more. */
  readonly over: AbortController;
  readonly children: Family;
  progressedAtMs: number;
  failure: Failure | undefined;
  hasSettled: boolean;
  isEmpty: boolean;
}

/** Runs one actor, one generation at a time. All changes of state happen in its mailbox, one message after the other. */
export class Supervisor implements Supervised {
  readonly name: string;
  readonly exit: Promise<Exit>;
  readonly #actor: Actor;
  readonly #policy: RestartPolicy;
  readonly #deps: SupervisorDeps;
  readonly #path: readonly string[];
  readonly #mailbox: Mailbox<Control>;
  readonly #budget: RestartBudget;
  readonly #outcome = deferred<Exit>();
  readonly #wholeLife = new AbortController();
  #state: ActorState = 'starting';
  #status: string | undefined;
  #lastError: ActorReport['lastError'];
  #count = 0;
  #restarts = 0;
  #current: Generation | undefined;
  #isStopping = false;
  #isOver = false;
  #told: unknown[] = [];

  constructor(actor: Actor, policy: RestartPolicy, parent: Position, deps: SupervisorDeps) {
    this.name = actor.name;
    this.exit = this.#outcome.promise;
    this.#actor = actor;
    this.#policy = policy;
    this.#deps = deps;
    this.#path = [...parent.path, actor.name];
    this.#budget = createRestartBudget(policy, deps.random);
    this.#mailbox = parent.mailbox.child<Control>(actor.name, message => this.#handle(message), error => this.#giveUp(error));
    this.#mailbox.post({ type: 'start' });
  }

  stop(): Promise<Exit> {
    this.#mailbox.post({ type: 'stop' });
    return this.exit;
  }

  /**
   * Queues a control message: received in order, held while the actor is not running, dropped once it has ended.
   * @throws PlatformError OVERLOADED when 1,024 messages wait
   */
  tell(message: unknown): void {
    if (this.#isOver) return;
    if (this.#told.length >= TELL_LIMIT) throw new PlatformError('OVERLOADED', `${TELL_LIMIT} control messages wait for actor '${this.name}'`, { actor: this.name });
    this.#told.push(message);
    this.#mailbox.post({ type: 'tell' });
  }

  report(): ActorReport {
    return {
      name: this.name, state: this.#state, generation: this.#count, restarts: this.#restarts,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      children: this.#current?.children.report() ?? [],
    };
  }

  #handle(message: Control): void {
    if (this.#isOver) return;
    switch (message.type) {
      case 'start': return this.#start();
      case 'stop': return this.#stop();
      case 'tell': return this.#deliver();
      case 'stalled': return this.#checkStall(message.generation);
      case 'settled': return this.#settled(message.generation, message.failure);
      case 'emptied': return this.#emptied(message.generation);
      case 'overdue': return this.#leaveBehind(message.generation);
    }
  }

  #start(): void {
    if (this.#isStopping || this.#current !== undefined) return;
    this.#count += 1;
    const generation: Generation = {
      number: this.#count, lifetime: new AbortController(), over: new AbortController(), progressedAtMs: this.#deps.clock.monotonicMs(),
      children: new Family(), failure: undefined, hasSettled: false, isEmpty: false,
    };
    this.#current = generation;
    this.#state = 'running';
    this.#status = undefined;
    this.#emit({ type: 'started', path: this.#path, generation: generation.number });
    void Promise.resolve().then(() => this.#actor.run(this.#contextOf(generation))).then(
      () => this.#mailbox.post({ type: 'settled', generation, failure: undefined }),
      (error: unknown) => this.#mailbox.post({ type: 'settled', generation, failure: { error } }),
    );
    if (this.#policy.stallMs > 0) this.#watch(generation);
    this.#mailbox.post({ type: 'tell' }); // what was told between generations, once run is under way
  }

  #contextOf(generation: Generation): ActorContext {
    const signal = generation.lifetime.signal;
    return {
      name: this.name, generation: generation.number, signal,
      progress: () => { generation.progressedAtMs = this.#deps.clock.monotonicMs(); },
      status: text => { if (this.#current === generation) this.#status = text; },
      supervise: (child, policy) => {
        signal.throwIfAborted(); // a generation that is ending starts nothing: its children would be orphans
        return generation.children.add(child, () => new Supervisor(child, policy, { mailbox: this.#mailbox, path: this.#path }, this.#deps));
      },
    };
  }

  #watch(generation: Generation): void {
    const quietMs = this.#deps.clock.monotonicMs() - generation.progressedAtMs;
    if (quietMs >= this.#policy.stallMs) { this.#mailbox.post({ type: 'stalled', generation }); return; }
    this.#later(this.#policy.stallMs - quietMs, generation.lifetime.signal, () => this.#watch(generation));
  }

  #checkStall(generation: Generation): void {
    if (generation.lifetime.signal.aborted) return;
    const quietMs = this.#deps.clock.monotonicMs() - generation.progressedAtMs;
    if (quietMs < this.#policy.stallMs) { this.#watch(generation); return; }
    const message = `actor '${this.name}' made no progress for ${Math.round(quietMs)} ms`;
    this.#fail(generation, new PlatformError('STALLED', message, { actor: this.name, quietMs: Math.round(quietMs) }));
  }

  #deliver(): void {
    const generation = this.#current;
    if (generation === undefined || generation.lifetime.signal.aborted || generation.hasSettled) return;
    const messages = this.#told;
    this.#told = [];
    for (const [index, message] of messages.entries()) {
      try {
        this.#actor.receive?.(message);
      } catch (error) {
        this.#told = [...messages.slice(index + 1), ...this.#told];
        this.#fail(generation, error);
        return;
      }
    }
  }

  #fail(generation: Generation, error: unknown): void {
    if (generation !== this.#current || generation.lifetime.signal.aborted) return;
    generation.failure = { error };
    this.#windDown(generation, error);
  }

  #stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#state = 'stopping';
    this.#wholeLife.abort();
    if (this.#current === undefined) this.#finish({ reason: 'stopped' });
    else this.#windDown(this.#current, undefined);
  }

  /** Tells the run to end and stops the children at once, last started first: a run that only awaits its children ends too. */
  #windDown(generation: Generation, reason: unknown): void {
    if (generation.lifetime.signal.aborted) return;
    generation.lifetime.abort(reason);
    void generation.children.stop().then(() => this.#mailbox.post({ type: 'emptied', generation }));
  }

  #settled(generation: Generation, failure: Failure | undefined): void {
    if (generation !== this.#current) return; // left behind: its result counts no more
    generation.hasSettled = true;
    if (!generation.lifetime.signal.aborted) generation.failure = failure;
    this.#windDown(generation, undefined);
    if (generation.isEmpty) this.#close(generation);
  }

  #emptied(generation: Generation): void {
    generation.isEmpty = true;
    if (generation.hasSettled) { this.#close(generation); return; }
    this.#later(this.#policy.stopMs, generation.over.signal, () => this.#mailbox.post({ type: 'overdue', generation }));
  }

  #leaveBehind(generation: Generation): void {
    if (generation !== this.#current || generation.hasSettled) return;
    this.#emit({ type: 'stuck', path: this.#path, generation: generation.number, waitedMs: this.#policy.stopMs });
    this.#close(generation);
  }

  #close(generation: Generation): void {
    this.#current = undefined;
    generation.over.abort();
    const failure = generation.failure;
    if (failure !== undefined) this.#lastError = brief(failure.error);
    if (this.#isStopping) { this.#finish({ reason: 'stopped' }); return; }
    if (failure === undefined) { this.#finish({ reason: 'ended' }); return; }
    const isFinal = fateOf(failure.error) === 'stop' && this.#policy.retriesStop !== true;
    const retryInMs = isFinal ? undefined : this.#policy.ownWaitMs?.(failure.error) ?? this.#budget.spend(this.#deps.clock.monotonicMs());
    if (retryInMs === undefined) { this.#finish({ reason: 'escalated', error: failure.error }); return; }
    this.#restarts += 1;
    this.#state = 'backing-off';
    this.#emit({ type: 'failed', path: this.#path, generation: generation.number, error: failure.error, retryInMs });
    this.#later(retryInMs, this.#wholeLife.signal, () => this.#mailbox.post({ type: 'start' }));
  }

  #finish(exit: Exit): void {
    this.#isOver = true;
    this.#state = exit.reason;
    this.#told = [];
    this.#wholeLife.abort();
    this.#mailbox.close();
    const event = { path: this.#path, generation: this.#count };
    if (exit.reason === 'escalated') this.#emit({ ...event, type: 'escalated', error: exit.error });
    else this.#emit({ ...event, type: exit.reason });
    this.#outcome.resolve(exit);
  }

  /** Only a bug in this file gets here: the children are stopped and the exit settles all the same. */
  #giveUp(error: unknown): void {
    this.#lastError = brief(error);
    const generation = this.#current;
    generation?.lifetime.abort(error);
    generation?.over.abort();
    void (generation?.children.stop() ?? Promise.resolve()).then(() => { if (!this.#isOver) this.#finish({ reason: 'escalated', error }); });
  }

  #later(ms: number, signal: AbortSignal, act: () => void): void {
    void this.#deps.clock.sleep(ms, signal).then(act, (error: unknown) => { if (!signal.aborted) this.#giveUp(error); });
  }

  #emit(event: LifecycleEvent): void {
    try {
      this.#deps.onEvent(event);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}

function brief(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = reportError(error);
  return { code, message };
}
