import type { Clock } from '../../src/engine/clock.ts';
import type { Envelope } from '../../src/engine/ports.ts';
import type { Stage, StageContext } from '../../src/engine/stage.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { BatchSize } from '../../src/inference/batch-size.ts';
import type { DetectorModel } from '../../src/inference/detector-model.ts';
import type { Feature, FrameFeature } from '../../src/messages/feature.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { Box, TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { GatherRule } from '../../src/transports/gather-input.ts';

/** How frames of several cameras are brought together for one run of the model. */
export interface BatchRules {
  /** Most frames of a batch. @default 1 */
  readonly max?: number;
  /** How long a frame may wait for others, milliseconds. @default 0: it takes along what is there */
  readonly withinMs?: number;
  /** Frames that are older are of no use, milliseconds: a batch is never waited for that long, and takes no longer. @default Infinity */
  readonly stalenessMs?: number;
}

/** Frames in, terminal records out. What needs no detection passes through in its place. */
export class Detector implements Stage<Feature, TerminalRecord>, GatherRule<Feature> {
  readonly #load: () => Promise<DetectorModel>;
  readonly #release: (frame: ModelFrame) => void;
  readonly #rules: Required<BatchRules>;
  #model: DetectorModel | undefined;
  #size = new BatchSize({ max: 1, budgetMs: 0 });
  #clock: Clock | undefined;

  /**
   * @param load gives the model, warm; the stage closes it
   * @param release takes a frame back that was detected on
   */
  constructor(load: () => Promise<DetectorModel>, release: (frame: ModelFrame) => void, { max = 1, withinMs = 0, stalenessMs = Number.POSITIVE_INFINITY }: BatchRules = {}) {
    this.#load = load;
    this.#release = release;
    this.#rules = { max, withinMs, stalenessMs };
  }

  async open({ clock }: Pick<StageContext, 'clock'>): Promise<void> {
    this.#clock = clock;
    this.#model = await this.#load();
    this.#size = new BatchSize({ max: Math.min(this.#rules.max, this.#model.batchMax), budgetMs: this.#rules.stalenessMs / 2 });
  }

  /** Frames to detect on at once, as learnt. */
  get target(): number { return this.#size.target; }

  waitMs({ body }: Envelope<Feature>): number {
    if (body.kind !== 'frame' || this.#clock === undefined) return 0;
    return Math.min(this.#rules.withinMs, body.readyAtMs + this.#rules.stalenessMs - this.#size.expectedMs - this.#clock.monotonicMs());
  }

  async process(batch: readonly Envelope<Feature>[], { clock }: StageContext): Promise<readonly Envelope<TerminalRecord>[]> {
    const frames = batch.flatMap(({ body, key }) => (body.kind === 'frame' ? [{ frame: body.frame, key }] : []));
    const startMs = clock.monotonicMs();
    const boxes = await this.#detect(frames);
    const endMs = clock.monotonicMs();
    if (frames.length > 0) this.#size.observe(frames.length, endMs - startMs);
    const moments = { startMs, inferMs: (endMs - startMs) / frames.length, endedAt: clock.now() };
    let done = 0;
    return batch.map(envelope => {
      const { body } = envelope;
      return { ...envelope, body: body.kind === 'frame' ? this.#recordOf(body, boxes[done++] ?? [], moments) : body };
    });
  }

  async close(): Promise<void> {
    await this.#model?.close().catch(() => { /* the process ends next: nothing is left to give back */ });
  }

  async #detect(frames: readonly KeyedFrame[]): Promise<readonly (readonly Box[])[]> {
    const [first] = frames;
    if (first === undefined) return [];
    if (!this.#model) throw new Error('detector used before open');
    const boxes = frames.length === 1
      ? [await this.#model.detect(first.frame, first.key)]
      : await this.#model.detectBatch(frames.map(({ frame }) => frame), frames.map(({ key }) => key));
    for (const { frame } of frames) this.#release(frame);
    return boxes;
  }

  #recordOf(feature: FrameFeature, boxes: readonly Box[], { startMs, inferMs, endedAt }: Moments): TerminalRecord {
    if (!this.#model) throw new Error('detector used before open');
    return {
      kind: 'detected', camera: feature.camera, epoch: feature.epoch, frameSeq: feature.frameSeq, capturedAt: feature.capturedAt,
      ptsSeconds: feature.ptsSeconds, width: feature.frame.sourceWidth, height: feature.frame.sourceHeight, boxes,
      model: this.#model.id, modelDigest: this.#model.digest, provider: this.#model.provider,
      timings: { decodeMs: feature.decodeMs, waitMs: startMs - feature.readyAtMs, inferMs, ageMs: (endedAt - feature.arrivedAt) / 1000 },
    };
  }
}

/** A frame, and whose frames a model may compare it with. */
type KeyedFrame = Pick<FrameFeature, 'frame'> & { readonly key: CameraId };

/** When a batch ran; `inferMs`: a frame's part of it. */
interface Moments { readonly startMs: number; readonly inferMs: number; readonly endedAt: number }
