import { epochMicros, type CameraId } from '../../engine/units.ts';
import type { Envelope } from '../../engine/ports.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';
import { lastSeq } from './live-window.ts';

/** How far a camera was fed to a consumer. Changed in place with every part, because it is kept per frame. */
export class FedTrack {
  readonly camera: CameraId;
  /** Of its envelopes: what is back-filled of a camera has one of its own. */
  readonly key: CameraId;
  /** The frame behind the last one. */
  next = 0;
  feed = -1;
  epoch = -1;
  #chunkSeq = 0;
  #partSeq = 0;
  #chunkStartedAt = epochMicros(0);
  #parameters: StreamParameters;
  #isOpenGop = false;
  #isRecovered = false;

  constructor(part: ChunkPart, key: CameraId) {
    this.camera = part.camera;
    this.key = key;
    this.#parameters = part.parameters;
    this.note(part);
  }

  /** The camera's next part was fed. */
  note(part: ChunkPart): void {
    const isSame = part.feed === this.feed && part.epoch === this.epoch;
    this.next = part.units.length > 0 || !isSame ? lastSeq(part) + 1 : this.next;
    this.feed = part.feed;
    this.epoch = part.epoch;
    this.#chunkSeq = part.chunkSeq;
    this.#partSeq = part.partSeq;
    this.#chunkStartedAt = part.chunkStartedAt;
    this.#parameters = part.parameters;
    this.#isOpenGop = part.isOpenGop;
    this.#isRecovered = part.isRecovered;
  }

  /** Tells the consumer that no frame of the camera follows: its decoder gives what it holds, and closes. */
  end(): Envelope<ChunkPart> {
    const body: ChunkPart = {
      camera: this.camera, epoch: this.epoch, chunkSeq: this.#chunkSeq, partSeq: this.#partSeq + 1, chunkStartedAt: this.#chunkStartedAt, parameters: this.#parameters,
      units: [], isOpenGop: this.#isOpenGop, isEpochEnd: true, isRecovered: this.#isRecovered, isAccounted: false, feed: this.feed,
    };
    return { body, key: this.key, capturedAt: epochMicros(this.#chunkStartedAt), trace: '' };
  }
}
