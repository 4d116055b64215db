import type { CreateHash } from '../../src/data-ops/chunk-digest.ts';
import { ChunkSeal } from '../../src/data-ops/chunk-seal.ts';
import { PartGrouping } from '../../src/data-ops/part-grouping.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { reportError } from '../../src/engine/errors.ts';
import type { OutPort } from '../../src/engine/ports.ts';
import { every } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { DROP_REASONS, type DropReason, type DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';

/** What the way to Kafka needs. */
export interface ChunkLogOptions {
  /** Output to the chunks topic, shared by the cameras of the process. */
  readonly output: OutPort<ChunkPart>;
  readonly partMs: number;
  readonly maxPartBytes: number;
  /** Of the content of a chunk. */
  readonly createHash: CreateHash;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Recorder, 'count' | 'set' | 'observe'>;
}

const GAUGE_EVERY_MS = 1_000;

/**
 * The chunks topic as the cameras of this process see it. Frames end here as `handed-over` when all replicas have them, so that what the
 * local ledger still misses is what must be handed over: the archive is the spool.
 */
export class ChunkLog {
  readonly #options: ChunkLogOptions;
  readonly #cameras = new Map<CameraId, PartGrouping>();
  readonly #said = new Map<CameraId, string>();

  constructor(options: ChunkLogOptions) {
    this.#options = options;
  }

  /** The output of a camera's feeder. `publish` makes terminal records and resolves when they are durable. */
  open(camera: CameraId, publish: (records: readonly DroppedRecord[]) => Promise<void>): OutPort<ChunkPart> {
    const { output, clock, partMs, maxPartBytes, createHash, telemetry, log } = this.#options;
    const end = async (part: ChunkPart, reason: DropReason): Promise<void> => {
      const [first, last] = [part.units[0], part.units.at(-1)];
      if (!first || !last) return;
      const { isIntentional } = DROP_REASONS[reason];
      await publish([{ kind: 'dropped', camera, epoch: part.epoch, from: first.frameSeq, to: last.frameSeq, reason, isIntentional, capturedAt: first.capturedAt }]);
    };
    const grouping = new PartGrouping(output, {
      clock, partMs, maxPartBytes,
      onDelivered: async (part, waitedMs) => {
        this.#said.delete(camera);
        telemetry.count('partsPublished', { camera });
        telemetry.observe('publishTime', {}, waitedMs / 1000);
        await end(part, 'handed-over');
      },
      onRefused: async (part, error) => {
        log.error({ camera, ...reportError(error) }, 'frame is too large for the chunks topic and is left out');
        await end(part, 'too-large');
      },
      onRetry: error => {
        const { code, message } = reportError(error);
        if (this.#said.get(camera) !== code) log.error({ camera, code, message }, 'part was refused and is tried again');
        this.#said.set(camera, code);
      },
    });
    this.#cameras.set(camera, grouping);
    return new ChunkSeal(grouping, createHash);
  }

  /** The camera is gone. */
  forget(camera: CameraId): void {
    this.#cameras.delete(camera);
    this.#said.delete(camera);
  }

  /** Keeps the gauge of each camera's age up to date until the signal aborts. */
  async gauge(signal: AbortSignal): Promise<void> {
    const { clock, telemetry } = this.#options;
    await every(GAUGE_EVERY_MS, clock, signal, () => {
      const now = clock.now();
      for (const [camera, grouping] of this.#cameras) {
        telemetry.set('spoolOldest', { camera }, grouping.oldest === undefined ? 0 : Math.max(0, (now - grouping.oldest) / 1e6));
      }
    });
  }
}
