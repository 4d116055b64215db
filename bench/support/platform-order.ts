import type { DetectedRecord } from '../../src/messages/terminal-record.ts';

/** What a measured platform runs. */
export interface PlatformOrder {
  /** One camera each. */
  readonly uris: readonly string[];
  readonly isDetecting: boolean;
  /** Detector. @default the built-in one */
  readonly model?: string;
  /** @default as many as the platform chooses */
  readonly visionProcesses?: number;
  /** The cameras begin one after the other, with so much time between them. @default all at once, in step */
  readonly staggerMs?: number;
  /** After every process is ready and every camera has sent a frame. */
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** The line that a measured program prints when it begins to measure. */
export const MEASURING = 'measuring';

/** What happened in the measured time; processor time of the whole tree, to the nanosecond. */
export interface PlatformResult {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The same, by role: root, store, ingest, vision. */
  readonly cpuMsOf: Readonly<Record<string, number>>;
  /** Memory of the tree at the end, shared pages counted once. */
  readonly memoryBytes: number;
  /** Durable frames. */
  readonly received: number;
  /** Of every frame detected on. */
  readonly timings: readonly DetectedRecord['timings'][];
  /** Frames that ended otherwise, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}
