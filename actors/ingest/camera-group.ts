import type { Actor, Supervised } from '../../src/engine/actor.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { sessionText, type SourceRow } from '../../src/data-ops/camera-row.ts';
import { FINISH, LEAVE } from './camera.ts';

/** What the cameras of a process need. */
export interface CameraGroupOptions {
  readonly supervise: (actor: Actor) => Supervised;
  /** A camera; `floor`: an epoch that its next ones must lie behind. */
  readonly create: (row: SourceRow, floor: number) => Promise<Actor>;
  /** A camera that only hands over what is left of it. */
  readonly createLeftover: (id: CameraId) => Promise<Actor>;
  /** Removed cameras stay until everything they recorded is handed over. */
  readonly isSpooling: boolean;
  /** A removed camera is gone. */
  readonly onGone: (id: CameraId) => void;
}

interface Member { readonly actor: Supervised; readonly text: string; readonly row: SourceRow | undefined }

/** The cameras of an ingest process. Changes of one camera follow each other; other cameras never wait for them. */
export class CameraGroup {
  readonly #options: CameraGroupOptions;
  readonly #members = new Map<CameraId, Member>();
  readonly #changes = new Map<CameraId, Promise<void>>();
  /** Cameras that record, or are about to. */
  readonly #wanted = new Set<CameraId>();
  /** Cameras that only hand over what they recorded. */
  readonly #leaving = new Set<CameraId>();
  readonly #floors = new Map<CameraId, number>();

  constructor(options: CameraGroupOptions) {
    this.#options = options;
  }

  /** Whether the camera records here, or is about to. */
  has(id: CameraId): boolean { return this.#wanted.has(id); }

  /** A camera that records here. */
  rowOf(id: CameraId): SourceRow | undefined { return this.#members.get(id)?.row; }

  /** Starts a camera, or starts it anew when it is wanted otherwise. */
  put(row: SourceRow, floor = 0): Promise<void> {
    this.#wanted.add(row.id);
    this.#raise(row.id, floor);
    if (this.#leaving.has(row.id)) this.#members.get(row.id)?.actor.tell(FINISH); // recording must not wait for what is left of an earlier time
    return this.#queue(row.id, async () => {
      const text = sessionText(row);
      const member = this.#members.get(row.id);
      if (member?.text === text) {
        this.#members.set(row.id, { ...member, row }); // it was among the settings already, or what changed cuts no session
        return;
      }
      await this.#finish(row.id);
      await this.#start(row, text);
    });
  }

  /** Ends a camera in order. */
  remove(id: CameraId): Promise<void> {
    this.#wanted.delete(id);
    return this.#queue(id, async () => {
      const member = this.#members.get(id);
      if (this.#wanted.has(id)) return; // wanted again: `put` follows and ends it
      this.#leaving.add(id);
      member?.actor.tell(this.#options.isSpooling ? LEAVE : FINISH);
      await member?.actor.exit;
      this.#leave(id);
    });
  }

  /** Hands over what a camera that is no longer wanted here left behind. */
  handOver(id: CameraId): Promise<void> {
    return this.#queue(id, async () => {
      if (this.#wanted.has(id)) return;
      const actor = this.#options.supervise(await this.#options.createLeftover(id));
      this.#members.set(id, { actor, text: '', row: undefined });
      this.#leaving.add(id);
      void actor.exit.then(() => this.#queue(id, async () => { if (this.#members.get(id)?.actor === actor) this.#leave(id); }));
    });
  }

  /** Begins a new session of a camera, with an epoch behind `floor`. */
  renew(id: CameraId, floor: number): Promise<void> {
    this.#raise(id, floor);
    return this.#queue(id, async () => {
      const member = this.#members.get(id);
      if (!member?.row || !this.#wanted.has(id)) return;
      await this.#finish(id);
      await this.#start(member.row, member.text);
    });
  }

  /** Ends all in order, each as far as it gets. */
  async finishAll(): Promise<void> {
    await Promise.all([...this.#members.keys()].map(id => this.#finish(id)));
  }

  async #start(row: SourceRow, text: string): Promise<void> {
    const actor = this.#options.supervise(await this.#options.create(row, this.#floors.get(row.id) ?? 0));
    this.#members.set(row.id, { actor, text, row });
    this.#leaving.delete(row.id);
  }

  async #finish(id: CameraId): Promise<void> {
    const actor = this.#members.get(id)?.actor;
    actor?.tell(FINISH);
    await actor?.exit;
  }

  #leave(id: CameraId): void {
    this.#members.delete(id);
    this.#leaving.delete(id);
    if (!this.#wanted.has(id)) this.#options.onGone(id);
  }

  #raise(id: CameraId, floor: number): void {
    this.#floors.set(id, Math.max(floor, this.#floors.get(id) ?? 0));
  }

  /** One after the other for a camera: an addition must not overtake the removal before it. */
  #queue(id: CameraId, work: () => Promise<void>): Promise<void> {
    const change = (this.#changes.get(id) ?? Promise.resolve()).then(work);
    this.#changes.set(id, change);
    void change.finally(() => { if (this.#changes.get(id) === change) this.#changes.delete(id); });
    return change;
  }
}
