import type { KafkaState } from '../kafka-types.ts';
import type { KafkaLink } from './kafkajs-internals.ts';
import { lastingFailure, reasonOf, type KafkaDeps } from './patience.ts';

const LOOK_MS = 2000;
const LOOK_DOWN_MS = 500;

/** Knows whether the brokers answer, and says each change once. */
export class StateWatch {
  readonly #link: KafkaLink;
  readonly #deps: KafkaDeps;
  readonly #brokers: string;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(state: KafkaState) => void>();
  readonly #running: Promise<void>;
  #state: KafkaState;
  #pause = new AbortController();

  constructor(link: KafkaLink, deps: KafkaDeps, brokers: string) {
    this.#link = link;
    this.#deps = deps;
    this.#brokers = brokers;
    this.#state = { state: 'connecting', since: this.#nowMs() };
    this.#running = this.#run();
  }

  get state(): KafkaState { return this.#state; }

  onState(listener: (state: KafkaState) => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  /** Something failed: the state is looked at now. */
  look(): void {
    if (this.#state.state === 'up') this.#pause.abort();
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#link.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#link.refresh([]);
        this.#become({ state: 'up', since: this.#nowMs() });
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const what = lastingFailure(error) === undefined ? `no broker of ${this.#brokers} answers` : `the brokers at ${this.#brokers} refuse this node`;
        this.#become({ state: 'down', since: this.#nowMs(), message: `${what}: ${reasonOf(error)}` });
      }
      this.#pause = new AbortController();
      await this.#deps.clock.sleep(this.#state.state === 'up' ? LOOK_MS : LOOK_DOWN_MS, AbortSignal.any([this.#pause.signal, this.#ended.signal])).catch(() => { /* somebody wants it looked at, or the end */ });
    }
  }

  #become(next: KafkaState): void {
    const isNew = next.state !== this.#state.state;
    this.#state = isNew ? next : { ...next, since: this.#state.since };
    if (!isNew) return;
    if (next.state === 'up') this.#deps.log.info({ brokers: this.#brokers }, 'Kafka answers');
    else this.#deps.log.warn({ brokers: this.#brokers, reason: next.message }, 'Kafka cannot be used: tried again until it can');
    for (const listener of this.#listeners) listener(next);
  }

  #nowMs(): number { return Math.floor(this.#deps.clock.now() / 1000); }
}
