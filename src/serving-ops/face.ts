import type { Clock } from '../engine/clock.ts';
import type { AllowList } from './allow-stream.ts';
import type { LiveHub } from './live/live-hub.ts';
import type { Snapshots } from './live/snapshots.ts';
import type { ServingLog } from './log.ts';
import type { JsmpegAccess, ServingBackend } from './service.ts';
import type { StreamSlots } from './stream-slots.ts';
import type { StreamScheme } from './stream-uri.ts';
import type { WhipFaceOptions } from './whip-routes.ts';

/** Counters of a gateway since its start, for gauges and tests. */
export interface GatewayCounts {
  requests: number;
  /** Requests answered 500 because of an unexpected error. */
  failures: number;
  /** Streams refused with OVERLOADED. */
  refusedStreams: number;
  openedStreams: number;
  /** Lines sent on streams. */
  sentLines: number;
  /** Streams ended with READER_SLOW. */
  slowReaders: number;
  /** Frames left out of aligned groups because they came after their group was sent. */
  lateFrames: number;
  /** Live pictures left out because their viewer was slow. */
  liveDropped: number;
}

/** What the routes share. */
export interface Face {
  readonly backend: ServingBackend;
  readonly jsmpeg: JsmpegAccess;
  readonly clock: Clock;
  readonly log: ServingLog;
  readonly schemes: readonly StreamScheme[];
  readonly allowList: AllowList;
  readonly slots: StreamSlots;
  /** Live pictures. */
  readonly hub: LiveHub;
  readonly snapshots: Snapshots;
  readonly whip: WhipFaceOptions;
  readonly counts: GatewayCounts;
  readonly isLoopbackOnly: boolean;
  readonly slowReaderMs: number;
  readonly lingerMs: number;
  readonly answerMs: number;
}
