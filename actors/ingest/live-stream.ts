import type { FeederHistory } from '../../src/data-ops/feed/backlog.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { LiveWriter, type LiveInput } from '../../src/media/index.ts';
import type { LiveItem } from '../../src/messages/live-item.ts';
import type { KeyFrame } from './live-methods.ts';
import type { LiveTap, TapPosition, TappedUnit } from './live-tap.ts';

/** What a camera is watched with. */
export interface LiveStreamOptions {
  readonly tap: LiveTap;
  /** The camera's archive: its open chunk holds the pictures since the last key frame. */
  readonly history: Pick<FeederHistory, 'read'>;
  readonly clock: Clock;
}

/** About half a minute of a camera of 2 Mbit/s. */
const WAITING = { maxUnits: 1024, maxBytes: 8 << 20 } as const;
/** A GOP that is longer is not shown from its beginning: it would take a viewer too long to get to the present. */
const GOP = { maxUnits: 900, maxBytes: 24 << 20 } as const;
/** The recorder is behind the tap by a few milliseconds: it is looked again so often for what is missing between them. */
const CATCH_UP = { tries: 8, everyMs: 15 } as const;

/**
 * What viewers of a camera get: from its newest key frame on, read back from the chunk that is being written, then each unit as it arrives.
 * Ends when the signal aborts. @throws PlatformError PORT_CLOSED when the camera leaves this process
 */
export async function* liveItems({ tap, history, clock }: LiveStreamOptions, signal: AbortSignal): AsyncGenerator<LiveItem, void, undefined> {
  const writer = new LiveWriter();
  const watcher = tap.watch(WAITING);
  try {
    let last: { readonly epoch: number; readonly frameSeq: number } | undefined;
    const position = tap.position;
    for await (const input of position === undefined ? [] : recentUnits({ history, clock }, position, signal)) {
      last = { epoch: input.epoch, frameSeq: input.unit.frameSeq };
      yield* await writer.write(input);
    }
    let isAtKey = last === undefined; // what follows must begin with a key frame
    for (;;) {
      const next = await watcher.next(signal);
      if (!('unit' in next)) {
        yield { kind: 'gap', ...next };
        isAtKey = true;
        continue;
      }
      if (last?.epoch === next.epoch && next.frameSeq <= last.frameSeq) continue; // read back already
      if (last?.epoch === next.epoch && next.frameSeq > last.frameSeq + 1 && !next.isAfterGap && !next.unit.isKey) isAtKey = true;
      if (isAtKey && !next.unit.isKey) continue;
      const isAfterGap = next.isAfterGap || (isAtKey && last !== undefined);
      isAtKey = false;
      last = { epoch: next.epoch, frameSeq: next.frameSeq };
      yield* await writer.write(inputOf({ ...next, isAfterGap }));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    watcher.close();
  }
}

function inputOf({ epoch, frameSeq, parameters, unit, isAfterGap }: TappedUnit): LiveInput {
  const { parameters: _, ...rest } = unit;
  return { epoch, parameters, isAfterGap, isBacklog: false, unit: { ...rest, frameSeq } };
}

/** The units from the newest key frame up to `position`, or none where they are too many; fewer where the recorder does not keep up. */
async function* recentUnits({ history, clock }: Omit<LiveStreamOptions, 'tap'>, { epoch, nextFrameSeq }: TapPosition, signal: AbortSignal): AsyncGenerator<LiveInput, void, undefined> {
  const found: LiveInput[] = [];
  let bytes = 0;
  for (let tries = 0; tries < CATCH_UP.tries; tries += 1) {
    const last = found.at(-1)?.unit.frameSeq;
    const from = last === undefined ? nextFrameSeq - 1 : last + 1;
    for await (const { parameters, units } of history.read({ epoch, from, startsAtKey: last === undefined, signal, onLost: () => { /* the stream goes on at the next key frame */ } })) {
      for (const { parameters: _, ...unit } of units) {
        found.push({ epoch, parameters, unit, isAfterGap: false, isBacklog: true });
        bytes += unit.data.byteLength;
      }
      if (found.length > GOP.maxUnits || bytes > GOP.maxBytes) return;
    }
    if ((found.at(-1)?.unit.frameSeq ?? -1) >= nextFrameSeq - 1) break;
    await clock.sleep(CATCH_UP.everyMs, signal);
  }
  if (found[0]?.unit.isKey === true) yield* found;
}

/** The newest key frame of a camera. @throws PlatformError SOURCE_UNREACHABLE when it sends nothing now */
export async function newestKeyFrame({ tap, history, clock }: LiveStreamOptions, signal: AbortSignal): Promise<KeyFrame> {
  const { position } = tap;
  if (position !== undefined) {
    for (let tries = 0; tries < CATCH_UP.tries; tries += 1) {
      let newest: KeyFrame | undefined;
      for await (const { parameters, units } of history.read({ epoch: position.epoch, from: position.nextFrameSeq - 1, startsAtKey: true, signal, onLost: () => { /* another try */ } })) {
        for (const unit of units) if (unit.isKey) newest = { epoch: position.epoch, parameters, unit };
      }
      if (newest !== undefined) return newest;
      await clock.sleep(CATCH_UP.everyMs, signal);
    }
  }
  throw new PlatformError('SOURCE_UNREACHABLE', 'the camera sends no pictures now');
}
