import type { CameraId } from '../engine/units.ts';
import { PlatformError } from '../engine/errors.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';
import type { Box } from '../messages/terminal-record.ts';
import { COLUMNS, toBoxes } from './boxes.ts';
import { detectEach } from './detector-model.ts';
import type { DetectorModel } from './detector-model.ts';
import { GEOMETRY_COLUMNS, geometryOf } from './geometry.ts';
import type { Session, Tensor } from './session.ts';
import { DETECTOR_INPUTS, DETECTOR_OUTPUT } from './wrap-model.ts';
import type { Entry } from './wrap-model.ts';

/** Most frames of a run where the file leaves their number open: more no longer pays on any processor, and each takes memory. */
const BATCH_MAX = 64;

/** Longest side of a picture of any size. */
const SIDE_MAX = 16_384;

/** What is known of a detector whose session is open. */
export interface FileDetectorOptions {
  readonly id: string; readonly digest: string; readonly family: string; readonly shape: FrameShape; readonly entry: Entry; readonly isBatchable: boolean;
  readonly labels: readonly string[]; readonly scoreMin: number; readonly iouMax: number;
}

/** A detector from a file: a session over the common graph. Nothing is kept between frames. */
export class FileDetector implements DetectorModel {
  readonly id: string;
  readonly digest: string;
  readonly family: string;
  readonly provider: string;
  readonly labels: readonly string[];
  readonly shape: FrameShape;
  readonly #session: Session;
  readonly #entry: Entry;
  readonly #channels: number;
  readonly #scoreMin: number;
  readonly #thresholds: Readonly<Record<string, Tensor>>;
  #batchMax: number;
  #joined = new Uint8Array(0);

  constructor(session: Session, options: FileDetectorOptions) {
    this.id = options.id;
    this.digest = options.digest;
    this.family = options.family;
    this.provider = session.provider;
    this.labels = options.labels;
    this.shape = options.shape;
    this.#session = session;
    this.#entry = options.entry;
    this.#channels = options.shape.channels === 'gray' && options.entry === 'frame' ? 1 : 3;
    this.#scoreMin = options.scoreMin;
    this.#batchMax = options.isBatchable ? BATCH_MAX : 1;
    this.#thresholds = {
      [DETECTOR_INPUTS.scoreMin]: session.tensor('float32', Float32Array.of(options.scoreMin), [1]),
      [DETECTOR_INPUTS.iouMax]: session.tensor('float32', Float32Array.of(options.iouMax), [1]),
    };
  }

  get batchMax(): number {
    return this.#batchMax;
  }

  /** Runs it once on an empty picture, and on two where the file says that it can: some say so and cannot. */
  async warmUp(): Promise<void> {
    const { width, height } = this.shape;
    const pixels = new Uint8Array(width * height * this.#channels).fill(this.shape.padValue);
    const frame = { pixels, width, height, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: width, sourceHeight: height };
    await this.#run([frame]);
    if (this.#batchMax === 1) return;
    try {
      await this.#run([frame, frame]);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      this.#batchMax = 1;
    }
  }

  async detect(frame: ModelFrame): Promise<readonly Box[]> {
    this.#check(frame);
    const [boxes = []] = await this.#run([frame]);
    return boxes;
  }

  async detectBatch(frames: readonly ModelFrame[], keys: readonly CameraId[]): Promise<readonly (readonly Box[])[]> {
    if (this.#batchMax === 1) return detectEach(this, frames, keys);
    for (const frame of frames) this.#check(frame);
    const boxes: (readonly Box[])[] = [];
    for (let at = 0; at < frames.length; at += this.#batchMax) boxes.push(...await this.#run(frames.slice(at, at + this.#batchMax)));
    return boxes;
  }

  forget(): void {
    // Stateless: nothing is kept between frames.
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #check(frame: ModelFrame): void {
    const { width, height } = this.#entry === 'frame' ? this.shape : frame;
    const isPicture = frame.width >= 1 && frame.height >= 1 && frame.width <= SIDE_MAX && frame.height <= SIDE_MAX;
    if (isPicture && frame.width === width && frame.height === height && frame.pixels.byteLength === width * height * this.#channels) return;
    const wanted = this.#entry === 'frame' ? `the ${width}x${height} in ${this.#channels} channels` : `an RGB picture of up to ${SIDE_MAX} pixels a side`;
    throw new PlatformError('INFERENCE_FAILED', `a frame of ${frame.width}x${frame.height} in ${frame.pixels.byteLength} bytes is not ${wanted} that '${this.id}' wants`);
  }

  async #run(frames: readonly ModelFrame[]): Promise<readonly (readonly Box[])[]> {
    const [{ width, height } = this.shape] = frames;
    const outputs = await this.#session.run({
      ...this.#thresholds, [DETECTOR_INPUTS.frame]: this.#session.tensor('uint8', this.#join(frames), [frames.length, height, width, this.#channels]),
      ...(this.#entry === 'frame' ? { [DETECTOR_INPUTS.geometry]: this.#session.tensor('float32', geometryOf(frames), [frames.length, GEOMETRY_COLUMNS]) } : {}),
    });
    const rows = outputs[DETECTOR_OUTPUT];
    if (!(rows?.data instanceof Float32Array) || rows.dims[1] !== COLUMNS) {
      throw new PlatformError('INFERENCE_FAILED', `'${this.id}' gave ${rows?.type} [${rows?.dims.join(', ')}] instead of float32 [m, ${COLUMNS}]`);
    }
    return toBoxes(rows.data, frames.length, this.labels, this.#scoreMin);
  }

  /** The pixels of all frames one after the other, in a buffer that is used again. */
  #join(frames: readonly ModelFrame[]): Uint8Array {
    const [first] = frames;
    if (frames.length === 1 && first) return first.pixels;
    const size = first?.pixels.byteLength ?? 0;
    if (this.#joined.byteLength < size * frames.length) this.#joined = new Uint8Array(size * frames.length);
    frames.forEach((frame, index) => this.#joined.set(frame.pixels, index * size));
    return this.#joined.subarray(0, size * frames.length);
  }
}
