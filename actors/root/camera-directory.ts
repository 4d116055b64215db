import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { withTimeout } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { isSameRow, type CameraEdit } from '../../src/data-ops/camera-row.ts';
import type { DesiredCameras } from '../../src/data-ops/desired-cameras.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import type { DesiredCamera } from '../../src/messages/desired-camera.ts';
import type { KafkaNode, KafkaProducer, RecordCodec, Written } from '../../src/transports/kafka-types.ts';
import { CameraEdits } from './camera-edits.ts';

/** Which cameras are wanted, and how that is changed: this machine's own, by the root that runs them; a cluster's, by its topic. */
export interface CameraDirectory {
  camera(id: CameraId): CameraRow | undefined;
  cameraRows(): readonly CameraRow[];
  /** @throws PlatformError CAMERA_EXISTS; KAFKA_UNAVAILABLE in a cluster whose brokers are away */
  addCamera(row: CameraRow, isTemporary: boolean): Promise<void>;
  /** Changes a camera while it runs. @throws PlatformError CAMERA_UNKNOWN; KAFKA_UNAVAILABLE as above; what the edit throws */
  changeCamera(id: CameraId, edit: CameraEdit): Promise<void>;
  /** @throws PlatformError CAMERA_UNKNOWN; KAFKA_UNAVAILABLE as above */
  removeCamera(id: CameraId): Promise<void>;
}

/** What the directory of a cluster needs. */
export interface KafkaDirectoryOptions {
  readonly node: Pick<KafkaNode, 'producer' | 'state'>;
  readonly topic: string;
  readonly codec: Pick<RecordCodec<DesiredCamera>, 'encode' | 'headers'>;
  /** The same topic, as it is followed. */
  readonly desired: DesiredCameras;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long brokers may take to acknowledge a change, and the change to come back. */
const WRITE_MS = 10_000;
const READ_BACK_MS = 5_000;

/**
 * The cameras of a cluster: nodes with role `camera` run them, whoever asks for them. A change is answered when it is acknowledged by all
 * replicas and in the list that this node shows. Two nodes that add one id at the same moment both succeed: the later record stands.
 */
export class KafkaCameraDirectory implements CameraDirectory {
  readonly #options: KafkaDirectoryOptions;
  readonly #changing = new Set<CameraId>();
  readonly #edits = new CameraEdits();
  #producer: Promise<KafkaProducer> | undefined;

  constructor(options: KafkaDirectoryOptions) {
    this.#options = options;
  }

  camera(id: CameraId): CameraRow | undefined { return this.#options.desired.get(id); }

  cameraRows(): readonly CameraRow[] { return this.#options.desired.rows(); }

  async addCamera(row: CameraRow, isTemporary: boolean): Promise<void> {
    if (isTemporary) throw new PlatformError('STREAM_NOT_ALLOWED', 'the nodes of a cluster share their cameras and open no other streams: add it with POST /api/v1/cameras');
    this.#checkKnown();
    if (this.camera(row.id) || this.#changing.has(row.id)) throw new PlatformError('CAMERA_EXISTS', `camera '${row.id}' exists`, { camera: row.id });
    await this.#change(row.id, row);
  }

  async changeCamera(id: CameraId, edit: CameraEdit): Promise<void> {
    this.#checkKnown();
    await this.#edits.apply(id, edit, { rowOf: () => this.camera(id), keep: row => this.#change(id, row) });
  }

  async removeCamera(id: CameraId): Promise<void> {
    this.#checkKnown();
    if (!this.camera(id)) throw new PlatformError('CAMERA_UNKNOWN', `camera '${id}' is unknown`, { camera: id });
    await this.#change(id, null);
  }

  /** Makes sure that these cameras are wanted as they are here. @throws PlatformError KAFKA_UNAVAILABLE */
  async ensure(rows: readonly CameraRow[]): Promise<void> {
    for (const row of rows) {
      const known = this.camera(row.id);
      if (known === undefined || !isSameRow(known, row)) await this.#change(row.id, row);
    }
  }

  async close(): Promise<void> {
    await (await this.#producer?.catch(() => undefined))?.close();
  }

  #checkKnown(): void {
    if (!this.#options.desired.isKnown) throw this.#unavailable();
  }

  #unavailable(): PlatformError {
    const { state, message } = this.#options.node.state;
    return new PlatformError('KAFKA_UNAVAILABLE', state === 'up' ? 'the list of cameras is still being read' : `the brokers cannot be reached${message === undefined ? '' : `: ${message}`}`);
  }

  async #change(id: CameraId, row: CameraRow | null): Promise<void> {
    if (this.#options.node.state.state === 'down') throw this.#unavailable(); // rather than the producer's many tries
    this.#changing.add(id);
    try {
      const [written] = await this.#send(id, row);
      if (written !== undefined) await this.#readBack(written);
    } finally {
      this.#changing.delete(id);
    }
  }

  async #send(id: CameraId, row: CameraRow | null): Promise<readonly Written[]> {
    const { node, topic, codec, clock } = this.#options;
    const body = row === null ? undefined : { ...row, at: clock.now() };
    const write = async (): Promise<readonly Written[]> => {
      this.#producer ??= node.producer();
      try {
        return await (await this.#producer).send([{ topic, key: id, value: body === undefined ? null : codec.encode(body), ...(body === undefined ? {} : { headers: codec.headers(body, id) }) }]);
      } catch (error) {
        if (await this.#producer.then(() => false, () => true)) this.#producer = undefined; // one that never came is asked for again
        throw error;
      }
    };
    const late = new PlatformError('KAFKA_UNAVAILABLE', `the brokers did not acknowledge the change of camera '${id}' within ${WRITE_MS / 1000} s: it may come yet`, { camera: id });
    return withTimeout(write(), WRITE_MS, clock, late);
  }

  /** It is durable already: a list that follows late is no reason to fail. */
  async #readBack(written: Written): Promise<void> {
    const { desired, clock, signal } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const limit = clock.sleep(READ_BACK_MS, either).catch(() => { /* read in time, or stopping */ });
    await Promise.race([desired.untilRead(written, either).catch(() => { /* as above */ }), limit]);
    over.abort();
  }
}
