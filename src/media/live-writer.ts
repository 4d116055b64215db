import type { AccessUnit } from '../messages/access-unit.ts';
import type { LiveItem, LiveStart, LiveUnit } from '../messages/live-item.ts';
import { LIVE_HEAD_BYTES, writeLiveHead } from '../messages/live-message.ts';
import { isSameDecoding, type StreamParameters } from '../messages/stream-parameters.ts';
import { encodeFragmentHead, encodeHeader, ticksOf, type Fragment } from './chunk-format.ts';
import { codecString } from './codec-string.ts';
import { FragmentClock, payloadOf } from './fragment-clock.ts';
import { findBox } from './iso-boxes.ts';
import { readSampleDescription, sampleDescription } from './sample-entry.ts';

/** A unit with its place in the camera's history. */
export interface LiveInput {
  readonly epoch: number;
  readonly parameters: StreamParameters;
  readonly unit: Omit<AccessUnit, 'parameters'>;
  /** Units before it were left out. */
  readonly isAfterGap: boolean;
  /** Read back from before somebody watched. */
  readonly isBacklog: boolean;
}

const DEFAULT_RATE_HZ = 25;

/**
 * Turns the units of a camera into what viewers get: one form of bytes for WebCodecs and for fragments of MP4, made once however many watch.
 * The time line of the fragments starts at 0 and goes on over sessions of the camera.
 */
export class LiveWriter {
  #stream: { readonly epoch: number; readonly parameters: StreamParameters; readonly clock: FragmentClock; readonly nominal: number } | undefined;
  #endSeconds = 0;

  /** @throws PlatformError MEDIA_UNSUPPORTED when the stream cannot be described */
  async write(input: LiveInput): Promise<readonly LiveItem[]> {
    const { epoch, parameters } = input;
    const known = this.#stream;
    if (known?.epoch === epoch && (known.parameters === parameters || isSameDecoding(known.parameters, parameters))) return [this.#unit(input)];
    const start = await this.#start(input);
    return [start, this.#unit(input)];
  }

  async #start({ epoch, parameters, unit }: LiveInput): Promise<LiveStart> {
    const { timeBase, frameRate, codec } = parameters;
    const described = await sampleDescription(parameters);
    const clock = new FragmentClock(parameters, Math.round(this.#endSeconds * timeBase.den));
    clock.begin(unit);
    const header = encodeHeader(parameters, described, { shift: 0, compositionOffset: 0 }); // no edit list: each viewer begins elsewhere
    this.#stream = { epoch, parameters, clock, nominal: timeBase.den / (frameRate > 0 ? frameRate : DEFAULT_RATE_HZ) };
    const description = readSampleDescription(described.stsd.subarray(8))?.extradata ?? new Uint8Array(0);
    const record = codec === 'vp9' ? vpcOf(described.stsd) : description;
    return {
      kind: 'start', epoch, codec, codecString: codecString(codec, record), width: described.width, height: described.height, timeBase, frameRate,
      description, header, timescale: timeBase.den,
    };
  }

  #unit({ epoch, parameters, unit, isAfterGap, isBacklog }: LiveInput): LiveUnit {
    const stream = this.#stream;
    if (stream === undefined) throw new Error('units follow their start');
    const payload = payloadOf(unit.data, parameters);
    const sizeBytes = payload.reduce((sum, part) => sum + part.length, 0);
    const placed = stream.clock.place(unit, sizeBytes);
    const fragment: Fragment = { ...placed, duration: Math.round(placed.duration || stream.nominal) };
    stream.clock.advance(fragment);
    const { den } = parameters.timeBase;
    const presentationTicks = fragment.decodeTicks + fragment.compositionOffset;
    this.#endSeconds = Math.max(this.#endSeconds, (presentationTicks + fragment.duration) / den);
    const message = Buffer.allocUnsafe(LIVE_HEAD_BYTES + sizeBytes);
    const micros = (ticks: number): number => Math.round(ticks * 1e6 / den);
    const pts = micros(ticksOf(unit.pts ?? unit.dts ?? presentationTicks / parameters.timeBase.num, parameters));
    writeLiveHead(message, {
      isKey: unit.isKey, isCorrupt: unit.isCorrupt, isAfterGap, isInit: false, frameSeq: unit.frameSeq, epoch, pts,
      capturedAt: unit.capturedAt, arrivedAt: unit.arrivedAt, mediaTime: pts, duration: micros(fragment.duration),
    });
    let at = LIVE_HEAD_BYTES;
    for (const part of payload) { message.set(part, at); at += part.length; }
    return { kind: 'unit', isKey: unit.isKey, message, fragmentHead: encodeFragmentHead(fragment), decodeTicks: fragment.decodeTicks, presentationTicks, isBacklog };
  }
}

/** Bytes before the boxes of a VisualSampleEntry in an `stsd` box: its own head and count, the entry's head and fields. */
const ENTRY_BOXES_AT = 16 + 8 + 78;

function vpcOf(stsd: Buffer): Uint8Array {
  return findBox(stsd.subarray(ENTRY_BOXES_AT), 'vpcC') ?? new Uint8Array(0);
}
