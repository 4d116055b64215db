import { AbortGroup, Wait } from '../../src/engine/abort-group.ts';
import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { backfillLane } from '../../src/messages/lane.ts';

/** More than a decoder and a batch hold back, and a small part of what the way to a vision process holds. */
const UNDER_WAY_MAX = 64;

/**
 * The way of what is back-filled of a camera to the vision process that has the camera: with a key of its own, and few parts at a time, so that live parts of
 * all cameras find the way free.
 */
export class LaneOutput implements OutPort<ChunkPart> {
  readonly #output: OutPort<ChunkPart>;
  readonly #key: CameraId;
  readonly #aborts = new AbortGroup();
  #underWay = 0;
  #waiting: Wait<void> | undefined;

  constructor(output: OutPort<ChunkPart>, camera: CameraId) {
    this.#output = output;
    this.#key = backfillLane(camera);
  }

  async push(items: readonly Envelope<ChunkPart>[], signal: AbortSignal): Promise<void> {
    this.#underWay += items.length;
    try {
      await this.#output.push(items.map(item => ({ ...item, key: this.#key })), signal);
    } finally {
      this.#underWay -= items.length;
      this.#waiting?.resolve();
    }
  }

  async room(signal: AbortSignal): Promise<void> {
    while (this.#underWay >= UNDER_WAY_MAX) {
      signal.throwIfAborted();
      const wait = new Wait<void>(this.#aborts, signal);
      this.#waiting = wait;
      await wait.promise;
    }
    await this.#output.room(signal);
  }
}
