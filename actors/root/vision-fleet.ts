import type { Actor, Supervised } from '../../src/engine/actor.ts';
import type { ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { deferred, withTimeout, type Deferred } from '../../src/engine/timers.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import { ProcessActor } from '../process/child-process.ts';
import { POLICIES } from '../tree.ts';
import type { GateNote } from '../vision/gating.ts';
import type { ModelNote, SpentNote, Successors, SwitchMessage, SwitchedNote } from '../vision/switch-messages.ts';

/** What to load, without where. */
export type ModelSettings = Omit<DetectorOptions, 'providers'>;

/** What the vision processes of a node are started with. */
export interface VisionFleetOptions {
  readonly count: number;
  /** First part of their names. */
  readonly stem: string;
  /** Path of the socket of a process, by its name. */
  readonly socketOf: (name: string) => string;
  /** Settings of the process at a place. Asked at every start. */
  readonly settings: (place: { readonly name: string; readonly socket: string }, model: ModelSettings) => unknown;
  /** Environment variables of the process at a place. */
  readonly env: (index: number) => Readonly<Record<string, string>>;
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly onLine: (process: string, line: string) => void;
  /** What the activity gate of a camera does now. */
  readonly onGate?: (note: GateNote) => void;
  readonly stopMs: number;
  /** Names of the processes that feed them. */
  readonly feeders: () => readonly string[];
  readonly tell: (feeder: string, message: SwitchMessage) => void;
  /** What the process at a place spent on its cameras. */
  readonly onSpent?: (index: number, note: SpentNote) => void;
}

/** A vision process, with what it says of itself. */
export interface VisionProcess {
  readonly name: string;
  readonly index: number;
  readonly actor: ProcessActor;
  readonly supervised: Supervised;
  readonly loaded: ModelNote | undefined;
}

interface Member extends VisionProcess {
  readonly socket: string;
  loaded: ModelNote | undefined;
  /** It has not taken over: its failure is that of the switch, and it is not started again. */
  isProvisional: boolean;
  readonly failed: Deferred<never>;
}

/** A process that loads its model for the first time may take long: it compiles it for its device. */
const WARM_MS = 120_000;
/** Cameras have a key frame, or can be caught up with, and what was under way is done, within this time; the switch is given up else. */
const SWITCH_MS = 120_000;

/**
 * The vision processes of a node. Their model is changed by replacing them: successors load and warm theirs beside them, cameras go over one by one,
 * and those before end when they have nothing left.
 */
export class VisionFleet {
  readonly #options: VisionFleetOptions;
  #members: readonly Member[] = [];
  #successors: readonly Member[] = [];
  #switching: { readonly id: number; readonly waiting: Set<string>; readonly done: Deferred<void> } | undefined;
  #lastId = 0;

  constructor(options: VisionFleetOptions) {
    this.#options = options;
  }

  /** Sockets of the processes that serve, in the order of their places. */
  get sockets(): readonly string[] { return this.#members.map(({ socket }) => socket); }
  /** Processes that serve; then those that are about to. */
  get processes(): readonly VisionProcess[] { return [...this.#members, ...this.#successors]; }
  /** Processes that serve and are not ready. */
  get unready(): readonly VisionProcess[] { return this.#members.filter(({ actor }) => !actor.isReady); }

  /** Starts the processes with the model to begin with. */
  start(model: ModelSettings): void {
    this.#members = Array.from({ length: this.#options.count }, (_, index) => this.#start(index, `${this.#options.stem}-${index}`, model));
  }

  /** Where cameras are going over to, for a feeding process that starts now. Whatever it said before, it says again. */
  successorsFor(feeder: string): Successors | undefined {
    if (!this.#switching) return undefined;
    this.#switching.waiting.add(feeder);
    return { id: this.#switching.id, sockets: this.#successors.map(({ socket }) => socket) };
  }

  /** A feeding process said that its cameras have gone over. */
  noted(feeder: string, note: SwitchedNote): void {
    if (note.id !== this.#switching?.id) return;
    this.#switching.waiting.delete(feeder);
    if (this.#switching.waiting.size === 0) this.#switching.done.resolve();
  }

  tell(message: unknown): void { for (const { supervised } of this.processes) supervised.tell(message); }

  /** Ends every process in order. */
  async stop(): Promise<void> {
    await Promise.all(this.processes.map(({ supervised }) => supervised.stop()));
  }

  /**
   * Replaces every process by one with another model. Resolves when those before have ended. One call at a time.
   * @throws what loading the model throws; PlatformError PROCESS_EXITED when a successor is lost, TIMED_OUT when cameras do not go over: the processes before go on
   */
  async use(model: ModelSettings, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const aborted = deferred<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      for (const { index, name } of this.#members) {
        const successor = this.#start(index, this.#nextName(index, name), model, true);
        this.#successors = [...this.#successors, successor];
        const late = new PlatformError('TIMED_OUT', `process ${successor.name} did not load its model within ${WARM_MS / 1000} s`);
        await withTimeout(Promise.race([successor.actor.untilReady(), successor.failed.promise, aborted.promise]), WARM_MS, clock, late);
      }
      await Promise.race([this.#switch(), ...this.#successors.map(({ failed }) => failed.promise), aborted.promise]);
    } catch (error) {
      await this.#giveUp();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    await this.#takeOver();
  }

  async #switch(): Promise<void> {
    const { feeders, tell, clock } = this.#options;
    this.#lastId += 1;
    const switching = { id: this.#lastId, waiting: new Set(feeders()), done: deferred<void>() };
    this.#switching = switching;
    if (switching.waiting.size === 0) return;
    for (const feeder of switching.waiting) tell(feeder, { type: 'switch', id: switching.id, sockets: this.#successors.map(({ socket }) => socket) });
    await withTimeout(switching.done.promise, SWITCH_MS, clock, new PlatformError('TIMED_OUT', `cameras did not go over to the new model within ${SWITCH_MS / 1000} s`));
  }

  async #takeOver(): Promise<void> {
    const leaving = this.#members;
    this.#members = this.#successors;
    this.#successors = [];
    for (const member of this.#members) member.isProvisional = false;
    this.#settle(true);
    await Promise.all(leaving.map(({ supervised }) => supervised.stop()));
  }

  async #giveUp(): Promise<void> {
    const leaving = this.#successors;
    this.#settle(false);
    this.#successors = [];
    await Promise.all(leaving.map(({ supervised }) => supervised.stop()));
  }

  #settle(isDone: boolean): void {
    const { feeders, tell } = this.#options;
    const switching = this.#switching;
    this.#switching = undefined;
    if (switching) for (const feeder of feeders()) tell(feeder, { type: 'settle', id: switching.id, isDone });
  }

  /** Two names in turns for a place, so that metrics do not grow with every change. */
  #nextName(index: number, name: string): string {
    const first = `${this.#options.stem}-${index}`;
    return name === first ? `${first}b` : first;
  }

  #start(index: number, name: string, model: ModelSettings, isProvisional = false): Member {
    const { socketOf, settings, env, system, clock, onLine, stopMs, onGate, onSpent } = this.#options;
    const socket = socketOf(name);
    const actor = new ProcessActor({
      name, role: 'vision', settings: () => settings({ name, socket }, model), env: env(index), threadPoolSize: 4, clock, onLine, stopMs,
      onNote: note => {
        const told = note as ModelNote | SpentNote | GateNote; // by the vision role of the same version
        if (told.type === 'model') member.loaded = told;
        else if (told.type === 'gate') onGate?.(told);
        else if (this.#members.includes(member) && this.#successors.length === 0) onSpent?.(index, told); // while models change, two processes share a place
      },
    });
    const failed = deferred<never>();
    failed.promise.catch(() => { /* told to whoever waits for it */ });
    const provisional: Actor = {
      name, receive: message => actor.receive(message),
      async run(ctx) {
        try {
          await actor.run(ctx);
        } catch (error) {
          if (!member.isProvisional) throw error;
          failed.reject(error);
        }
      },
    };
    const member: Member = { name, index, socket, actor, supervised: system.supervise(provisional, POLICIES.vision), loaded: undefined, isProvisional, failed };
    return member;
  }
}
