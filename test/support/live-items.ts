import { epochMicros } from '../../src/engine/units.ts';
import { LiveWriter } from '../../src/media/live-writer.ts';
import type { LiveItem, LiveStart, LiveUnit } from '../../src/messages/live-item.ts';
import { LIVE_HEAD_BYTES, writeLiveHead } from '../../src/messages/live-message.ts';
import type { EncodedClip } from './encoded-clip.ts';

/** What begins a stream, of made-up bytes. */
export function liveStart(epoch = 1): LiveStart {
  return {
    kind: 'start', epoch, codec: 'h264', codecString: 'avc1.640028', width: 640, height: 360, timeBase: { num: 1, den: 90_000 }, frameRate: 25,
    description: Uint8Array.of(1, 2, 3), header: Uint8Array.of(9, 9, epoch), timescale: 90_000,
  };
}

/** A picture of made-up bytes. */
export function liveUnit(frameSeq: number, isKey = false, sizeBytes = 100): LiveUnit {
  const message = new Uint8Array(LIVE_HEAD_BYTES + sizeBytes).fill(frameSeq & 0xff);
  writeLiveHead(message, {
    isKey, isCorrupt: false, isAfterGap: false, isInit: false, frameSeq, epoch: 1, pts: frameSeq * 40_000, capturedAt: 1e15 + frameSeq, arrivedAt: 1e15, mediaTime: frameSeq * 40_000, duration: 40_000,
  });
  return { kind: 'unit', isKey, message, fragmentHead: new Uint8Array(144), decodeTicks: frameSeq * 3600, presentationTicks: frameSeq * 3600, isBacklog: false };
}

/** What viewers of a clip get. */
export async function liveItemsOf(clip: EncodedClip, epoch = 1): Promise<readonly LiveItem[]> {
  const writer = new LiveWriter();
  const items: LiveItem[] = [];
  for (const [frameSeq, { cameraClockMicros: _, ...unit }] of clip.units.entries()) {
    items.push(...await writer.write({ epoch, parameters: clip.parameters, isAfterGap: false, isBacklog: false, unit: { ...unit, frameSeq, capturedAt: epochMicros(1e15 + frameSeq * 40_000), arrivedAt: epochMicros(1e15) } }));
  }
  return items;
}
