/** How a host works. */
export interface HostSettings {
  readonly delivery: 'exactly-once' | 'at-least-once';
  readonly commitIntervalMs: number;
  readonly sessionTimeoutMs: number;
  /** A record that cannot be processed is given up after so many tries. */
  readonly deadLetterTries: number;
  readonly positionsTopic: string;
  readonly deadLettersTopic: string;
  /** A camera that sends nothing for so long, while the brokers are there, has its decoder give up what it holds. */
  readonly silentMs: number;
  /** What the vision processes get to answer what they have, when the host stops. */
  readonly drainMs: number;
}

/** Transactions that are under way at the same time. */
export const COMMITS_MAX = 8;
/** Frames of a partition that may be in flight, besides those of each camera that its decoder holds. */
export const IN_FLIGHT_MAX = 4_096;
/** The same, of each camera: decoders hold some back, and an activity gate leaves the last seconds undecided (`UNDECIDED` of camera-activity.ts). */
export const HELD_PER_CAMERA_MAX = 256;
/** Records of a partition that may wait for their transaction. */
export const WAITING_MAX = 16_384;
/** A transaction whose owner died is ended by the broker after this time, where nobody takes the partition over. */
export const TRANSACTION_TIMEOUT_MS = 30_000;
/** How long to wait before trying again when the brokers are away: doubles up to the second. */
export const RETRY_MS = { first: 50, most: 2_000 } as const;
