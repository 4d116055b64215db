import type { ChunkPart } from '../../src/messages/chunk-part.ts';

/** What a topic holds of one session of a camera. */
export interface SeenSession {
  readonly camera: string;
  readonly epoch: number;
  /** Frames from 0 without a hole, each followed by its successor or by an earlier one. */
  frames: number;
  /** Frames that came again. */
  repeats: number;
  readonly problems: string[];
  isOver: boolean;
}

/** Reads parts in the order of their partition: frames of a session follow each other without a hole, as any reader can dedupe them by number. */
export function sessionsOf(parts: readonly ChunkPart[]): readonly SeenSession[] {
  const sessions = new Map<string, SeenSession>();
  for (const { camera, epoch, units, isEpochEnd, isAccounted, feed } of parts) {
    const key = `${camera}/${epoch}`;
    const seen = sessions.get(key) ?? { camera, epoch, frames: 0, repeats: 0, problems: [], isOver: false };
    sessions.set(key, seen);
    if (isAccounted || feed !== 0) seen.problems.push(`${key}: a part speaks of its sender's ledger`);
    let previous: number | undefined;
    for (const { frameSeq } of units) {
      if (previous !== undefined && frameSeq !== previous + 1) seen.problems.push(`${key}: ${frameSeq} follows ${previous} in a part`);
      if (frameSeq > seen.frames) seen.problems.push(`${key}: ${frameSeq} follows ${seen.frames - 1}`);
      if (frameSeq < seen.frames) seen.repeats += 1;
      previous = frameSeq;
      seen.frames = Math.max(seen.frames, frameSeq + 1);
    }
    if (isEpochEnd) seen.isOver = true;
  }
  return [...sessions.values()];
}
