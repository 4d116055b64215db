import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import type { Stage, StageContext } from '../../src/engine/stage.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { Feature } from '../../src/messages/feature.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';

/** What leaves a vision process whose cameras have encoders. */
export type Outcome = TerminalRecord | FeatureTensor;

/** A detector that lets what encoders made of a frame out before the frame's record. */
export class FeaturesFirst implements Stage<Feature, Outcome> {
  readonly #detector: Stage<Feature, TerminalRecord>;

  constructor(detector: Stage<Feature, TerminalRecord>) {
    this.#detector = detector;
  }

  open(ctx: StageContext): Promise<void> { return this.#detector.open(ctx); }

  async process(batch: readonly Envelope<Feature>[], ctx: StageContext): Promise<readonly Envelope<Outcome>[]> {
    const tensors = batch.flatMap(({ body, ...envelope }) => (body.kind === 'frame' ? (body.tensors ?? []).map((tensor) => ({ ...envelope, body: tensor })) : []));
    return [...tensors, ...await this.#detector.process(batch, ctx)];
  }

  close(): Promise<void> { return this.#detector.close(); }
}

/**
 * Features and records leave by a port each, a record when the features of its frame are durable: a frame that is worked on again after a crash is one
 * without a record, so none has a record and lacks its features.
 */
export function featuresFirst(features: LinkOutPort<FeatureTensor>, records: OutPort<TerminalRecord>): OutPort<Outcome> {
  return {
    async push(items, signal) {
      const tensors: Envelope<FeatureTensor>[] = [];
      const ended: Envelope<TerminalRecord>[] = [];
      for (const { body, ...envelope } of items) {
        if ('payload' in body) tensors.push({ ...envelope, body });
        else ended.push({ ...envelope, body });
      }
      if (tensors.length > 0) await features.push(tensors, signal);
      if (ended.length > 0) await records.push(ended, signal);
    },
    async room(signal) {
      await Promise.all([features.room(signal), records.room(signal)]);
    },
  };
}
