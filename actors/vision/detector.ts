import type { Envelope } from '../../src/engine/ports.ts';
import type { Stage, StageContext } from '../../src/engine/stage.ts';
import type { DetectorModel } from '../../src/inference/detector-model.ts';
import type { Feature, FrameFeature } from '../../src/messages/feature.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';

/** Frames in, terminal records out. What needs no detection passes through in its place. */
export class Detector implements Stage<Feature, TerminalRecord> {
  readonly #load: () => Promise<DetectorModel>;
  readonly #release: (frame: ModelFrame) => void;
  #model: DetectorModel | undefined;

  /**
   * @param load gives the model, warm; the stage closes it
   * @param release takes a frame back that was detected on
   */
  constructor(load: () => Promise<DetectorModel>, release: (frame: ModelFrame) => void) {
    this.#load = load;
    this.#release = release;
  }

  async open(): Promise<void> {
    this.#model = await this.#load();
  }

  async process(batch: readonly Envelope<Feature>[], ctx: StageContext): Promise<readonly Envelope<TerminalRecord>[]> {
    const out: Envelope<TerminalRecord>[] = [];
    for (const envelope of batch) {
      const { body } = envelope;
      out.push({ ...envelope, body: body.kind === 'frame' ? await this.#detect(body, ctx) : body });
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#model?.close().catch(() => { /* the process ends next: nothing is left to give back */ });
  }

  async #detect(feature: FrameFeature, ctx: StageContext): Promise<TerminalRecord> {
    if (!this.#model) throw new Error('detector used before open');
    const { clock } = ctx;
    const startMs = clock.monotonicMs();
    const boxes = await this.#model.detect(feature.frame, feature.camera);
    const endMs = clock.monotonicMs();
    this.#release(feature.frame);
    return {
      kind: 'detected', camera: feature.camera, epoch: feature.epoch, frameSeq: feature.frameSeq, capturedAt: feature.capturedAt,
      ptsSeconds: feature.ptsSeconds, width: feature.frame.sourceWidth, height: feature.frame.sourceHeight, boxes,
      model: this.#model.id, modelDigest: this.#model.digest, provider: this.#model.provider,
      timings: {
        decodeMs: feature.decodeMs, waitMs: startMs - feature.readyAtMs, inferMs: endMs - startMs,
        ageMs: (clock.now() - feature.arrivedAt) / 1000,
      },
    };
  }
}
