/** What of a record is remembered: where it lies. */
export type RecordKey = `${number}/${number}`;

/** A record of a partition. */
export function recordKey(partition: number, offset: number): RecordKey {
  return `${partition}/${offset}`;
}

/** Deaths with the same record under way, from which on records are fed one at a time. */
const CAREFUL_AFTER = 2;
/** So many times the tries until a record is guilty although the process never did anything else: then it may be the process. */
const WITHOUT_PROOF = 3;

/**
 * Finds the record that kills vision processes. Whatever was under way when a process died is suspected until another process is through with it.
 * Two deaths with one suspect, and records are fed one at a time: the one that processes die with, and nothing else under way, as often as was to be
 * tried, is guilty.
 */
export class Suspects {
  readonly #tries: number;
  readonly #underWay = new Set<RecordKey>();
  readonly #deaths = new Map<RecordKey, number>();
  readonly #serious = new Set<RecordKey>();
  /** Deaths with nothing else under way. */
  readonly #alone = new Map<RecordKey, number>();
  readonly #guilty = new Set<RecordKey>();
  #hasWorked = false;

  constructor(tries: number) {
    this.#tries = tries;
  }

  /** Records are fed one at a time. */
  get isCareful(): boolean { return this.#serious.size > 0; }
  /** Records that a process has and is not through with. */
  get underWay(): number { return this.#underWay.size; }

  isGuilty(key: RecordKey): boolean { return this.#guilty.has(key); }

  fed(key: RecordKey): void { this.#underWay.add(key); }

  /** A process is through with the record. */
  done(key: RecordKey): void {
    this.#underWay.delete(key);
    this.#deaths.delete(key);
    this.#serious.delete(key);
    this.#alone.delete(key);
    this.#hasWorked = true;
  }

  /** The process is gone. */
  died(): void {
    const [only] = this.#underWay;
    for (const key of this.#underWay) {
      const deaths = (this.#deaths.get(key) ?? 0) + 1;
      this.#deaths.set(key, deaths);
      if (deaths >= CAREFUL_AFTER) this.#serious.add(key);
    }
    if (only !== undefined && this.#underWay.size === 1) {
      const alone = (this.#alone.get(only) ?? 0) + 1;
      this.#alone.set(only, alone);
      if (alone >= this.#tries * (this.#hasWorked ? 1 : WITHOUT_PROOF)) {
        this.#guilty.add(only);
        this.#deaths.delete(only);
        this.#serious.delete(only);
        this.#hasWorked = false;
      }
    }
    this.#underWay.clear();
  }

  /** The partition is gone. */
  forget(partition: number): void {
    const isOfIt = (key: RecordKey): boolean => key.startsWith(`${partition}/`);
    for (const keys of [this.#underWay, this.#guilty, this.#deaths, this.#serious, this.#alone]) for (const key of [...keys.keys()]) if (isOfIt(key)) keys.delete(key);
  }
}
