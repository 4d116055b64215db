import type { Delivery, InPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';

/** The units of a session as a port. When the source fails or must stop, the input ends: what was received still goes its way. */
export class SessionUnits implements InPort<SourceUnit> {
  /** What the source failed with. */
  failure: unknown;
  readonly #camera: CameraId;
  readonly #session: SourceSession;
  readonly #stop: AbortSignal;
  readonly #onUnit: (unit: SourceUnit) => void;
  #hasEnded = false;

  /** @param stop ends the input */
  constructor(camera: CameraId, session: SourceSession, stop: AbortSignal, onUnit: (unit: SourceUnit) => void) {
    this.#camera = camera;
    this.#session = session;
    this.#stop = stop;
    this.#onUnit = onUnit;
  }

  async pull(): Promise<Delivery<SourceUnit> | undefined> {
    if (this.#hasEnded) return undefined;
    const unit = await this.#next();
    if (unit === undefined) {
      this.#hasEnded = true;
      return undefined;
    }
    this.#onUnit(unit);
    return { items: [{ body: unit, key: this.#camera, capturedAt: unit.capturedAt, trace: '' }], ack: async () => {}, nack: async () => {} };
  }

  async #next(): Promise<SourceUnit | undefined> {
    try {
      return await this.#session.next(this.#stop);
    } catch (error) {
      this.failure = error;
      return undefined;
    }
  }
}
