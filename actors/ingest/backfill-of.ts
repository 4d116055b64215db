import { Limiter } from '../../src/engine/limiter.ts';
import type { SourceRow } from '../../src/data-ops/camera-row.ts';
import { Feeder, type FeederOptions } from '../../src/data-ops/feeder.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { onvifRecordings } from '../../src/ingress/replay/onvif-recordings.ts';
import { knownRecording, type Recordings } from '../../src/ingress/replay/recordings.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { RoleContext } from '../process/role-process.ts';
import { CameraBackfill } from './camera-backfill.ts';
import type { CameraConsumer } from './camera-routes.ts';
import { LaneOutput } from './lane-output.ts';
import type { SessionOptions } from './session.ts';

/** What a camera has that its back-fill shares. */
export interface BackfillSurroundings {
  readonly row: SourceRow;
  readonly ingress: Config['ingress'];
  readonly consumer: CameraConsumer;
  readonly session: Pick<SessionOptions, 'host' | 'chunkSeconds' | 'createRecorder'>;
  readonly feeding: Pick<FeederOptions, 'history' | 'publish'>;
  readonly onDurable: (part: ChunkPart) => void;
  readonly recordedOnly: ((part: ChunkPart) => Promise<void>) | undefined;
  readonly report: (event: PlatformEvent) => void;
}

/** Cameras of a process that replay at the same time: a site that was cut off has gaps of all its cameras at once. */
const turns = new Limiter(2);

/** What fills the gaps of a camera; undefined where it has no recording of its own that is known, or gaps are not to be filled. */
export function backfillOf(around: BackfillSurroundings, ctx: RoleContext): CameraBackfill | undefined {
  const { row: { id, pictures }, ingress, consumer, feeding } = around;
  const recordings = recordingsOf(around.row, ingress.connectTimeoutMs, ctx.clock);
  if (recordings === undefined || ingress.backfillMaxMs === 0) return undefined;
  const feeder = new Feeder({
    ...feeding, camera: id, out: new LaneOutput(consumer.out, id), clock: ctx.clock, maxItems: 256, maxBytes: 4 << 20,
    maxRewindMs: Number.POSITIVE_INFINITY, // it waits for a turn in the archive, however long that takes
  });
  return new CameraBackfill({
    feeder, clock: ctx.clock, onConsumer: consumer.onAttach, onDurable: around.onDurable, recordedOnly: around.recordedOnly,
    backfill: {
      camera: id, recordings, samples: pictures, session: around.session, maxMs: ingress.backfillMaxMs, turns, report: around.report, log: ctx.log,
      reading: { media: libavAccess, stallMs: Math.max(ingress.stallMs, STALL_MS), timeoutMs: ingress.connectTimeoutMs },
      onLeft: reason => ctx.telemetry.count('backfillsLeft', { camera: id, reason }),
    },
  });
}

/** Devices look for the place in their recording first. */
const STALL_MS = 5_000;

function recordingsOf({ uri, replay }: SourceRow, limitMs: number, clock: RoleContext['clock']): Recordings | undefined {
  if (replay !== undefined) return knownRecording(replay);
  try {
    return /^onvif:/i.test(uri) ? onvifRecordings(uri, clock, limitMs) : undefined;
  } catch {
    return undefined; // the source says what is wrong with its address
  }
}
