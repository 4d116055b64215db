import type { EpochMicros } from '../engine/units.ts';

/** Body of topic `vto.dead-letters`: a record that could not be decoded or processed, with where it came from. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Consumer group that gave it up. */
  readonly group: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly tries: number;
  readonly at: EpochMicros;
  /** The record's value, unchanged. */
  readonly payload: Uint8Array;
}
