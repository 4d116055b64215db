import { type CameraId, epochMicros } from '../../src/engine/units.ts';
import type { Envelope } from '../../src/engine/ports.ts';
import type { StageContext } from '../../src/engine/stage.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { frozenClock } from './ledger-fixtures.ts';

/** Stream parameters of a small H.264 stream. */
export const parameters: StreamParameters = {
  codec: 'h264', width: 64, height: 48, extradata: new Uint8Array([1, 2, 3]), timeBase: { num: 1, den: 90_000 }, framing: 'length-prefixed', frameRate: 25,
};

/** A unit whose bytes hold its number; name what differs. `capturedAt` is deliberately not linear in pts. */
export function unit(index: number, overrides: Partial<SourceUnit> = {}): SourceUnit {
  const content = new Uint8Array(16 + (index % 5) * 40).fill(index & 0xff);
  new DataView(content.buffer).setUint32(0, index);
  return {
    data: content, pts: index * 3600, dts: index * 3600 - 3600, duration: 3600, isKey: false, isCorrupt: false,
    capturedAt: epochMicros(1_700_000_000_000_000 + index * 40_000 + (index * 7919) % 5000), arrivedAt: epochMicros(1_700_000_000_020_000 + index * 40_001), ...overrides,
  };
}

/** Puts bodies into envelopes. */
export function envelopes<Body extends object>(key: CameraId, bodies: readonly Body[]): readonly Envelope<Body>[] {
  return bodies.map((body) => ({ body, key, capturedAt: epochMicros(1), trace: '' }));
}

/** A stage context whose time stands still. */
export function stageContext(overrides: Partial<StageContext> = {}): StageContext {
  return { name: 'test', clock: frozenClock, random: { next: () => 0.5 }, signal: new AbortController().signal, progress: () => undefined, ...overrides };
}
