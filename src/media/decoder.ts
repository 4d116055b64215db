import { AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { Codec, CodecContext, CodecParameters, Frame, Packet } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { AGAIN, CODEC_IDS, END, explain } from './libav.ts';
import type { FrameDecoder, Picture } from './types.ts';

/**
 * Opens libav's decoder for a stream. Create it asynchronously, use it synchronously: the synchronous creation of node-av 6.1.1 corrupts the
 * heap when given options.
 * @param options.threads 1: a picture comes out with its own access unit unless the stream reorders; n: up to n - 1 units later
 * @throws PlatformError MEDIA_UNSUPPORTED when this libav has no such decoder, MEDIA_INVALID when it refuses the parameters
 */
export async function createDecoder(parameters: StreamParameters, options: { readonly threads: number }): Promise<FrameDecoder> {
  const codec = Codec.findDecoder(CODEC_IDS[parameters.codec]);
  if (codec === null) throw new PlatformError('MEDIA_UNSUPPORTED', `this libav cannot decode ${parameters.codec}`, { codec: parameters.codec });
  const context = new CodecContext();
  context.allocContext3(codec);
  describe(context, parameters);
  context.threadCount = options.threads;
  const opened = await context.open2(codec, null);
  if (opened < 0) {
    context.freeContext();
    throw new PlatformError('MEDIA_INVALID', `cannot decode this ${parameters.codec} stream: ${explain(opened).toLowerCase()}`, { codec: parameters.codec, libav: opened });
  }
  return new LibavDecoder(context, parameters.codec);
}

function describe(context: CodecContext, parameters: StreamParameters): void {
  const described = new CodecParameters();
  described.alloc();
  described.codecType = AVMEDIA_TYPE_VIDEO;
  described.codecId = CODEC_IDS[parameters.codec];
  described.width = parameters.width;
  described.height = parameters.height;
  if (parameters.extradata.length > 0) described.extradata = Buffer.from(parameters.extradata);
  context.parametersToContext(described);
  described.free();
}

/** A picture of ours with the libav frame the scaler needs. */
export class LibavPicture implements Picture {
  readonly frameSeq: number;
  readonly width: number;
  readonly height: number;
  /** A JPEG or PNG: a still, where exactness is worth more than a millisecond. */
  readonly isStill: boolean;
  #frame: Frame | undefined;

  constructor(frame: Frame, isStill: boolean) {
    this.isStill = isStill;
    this.frameSeq = Number(frame.pts);
    this.width = frame.width;
    this.height = frame.height;
    this.#frame = frame;
  }

  /** @throws Error after `free`: a programming mistake that native code must never see */
  get frame(): Frame {
    if (this.#frame === undefined) throw new Error(`picture ${this.frameSeq} was used after free`);
    return this.#frame;
  }

  free(): void {
    this.#frame?.free();
    this.#frame = undefined;
  }
}

class LibavDecoder implements FrameDecoder {
  readonly #context: CodecContext;
  readonly #codec: string;
  readonly #isStill: boolean;
  readonly #packet = new Packet();
  #spare: Frame | undefined;
  /** Pictures that came out together with an error; handed over by the next call. */
  #held: Picture[] = [];
  #awaitsKey = false;
  #isClosed = false;

  constructor(context: CodecContext, codec: string) {
    this.#context = context;
    this.#codec = codec;
    this.#isStill = codec === 'mjpeg' || codec === 'png';
    this.#packet.alloc();
  }

  decode(unit: { readonly frameSeq: number; readonly data: Uint8Array; readonly isKey: boolean }): readonly Picture[] {
    if (this.#isClosed || (this.#awaitsKey && !unit.isKey) || unit.data.length === 0) return this.#takeHeld();
    this.#awaitsKey = false;
    const { data } = unit;
    this.#packet.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#packet.pts = BigInt(unit.frameSeq); // libav carries it through reordering, unlike times it never reads it
    this.#packet.isKeyframe = unit.isKey;
    const sent = this.#context.sendPacketSync(this.#packet);
    this.#packet.unref();
    const pictures = this.#takeHeld();
    const received = this.#drain(pictures);
    const failure = sent < 0 ? sent : received;
    if (failure < 0) {
      this.#held = pictures;
      throw new PlatformError('MEDIA_CORRUPT', `the ${this.#codec} decoder refused frame ${unit.frameSeq}: ${explain(failure).toLowerCase()}`, { frameSeq: unit.frameSeq, libav: failure });
    }
    return pictures;
  }

  flush(): readonly Picture[] {
    if (this.#isClosed) return [];
    this.#context.sendPacketSync(null);
    const pictures = this.#takeHeld();
    this.#drain(pictures);
    this.#context.flushBuffers();
    this.#awaitsKey = true;
    return pictures;
  }

  #takeHeld(): Picture[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** Moves finished pictures into `pictures`; returns the first error, else 0. A frame-threaded decoder reports errors here. */
  #drain(pictures: Picture[]): number {
    let failure = 0;
    for (let errors = 0; errors < ERRORS_IN_A_ROW;) {
      const frame = this.#takeFrame();
      const code = this.#context.receiveFrameSync(frame);
      if (code >= 0) {
        pictures.push(new LibavPicture(frame, this.#isStill));
        continue;
      }
      this.#spare = frame;
      if (code === AGAIN || code === END) break;
      failure ||= code;
      errors++;
    }
    return failure;
  }

  #takeFrame(): Frame {
    const frame = this.#spare ?? newFrame();
    this.#spare = undefined;
    return frame;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const picture of this.#takeHeld()) picture.free();
    this.#spare?.free();
    this.#packet.free();
    this.#context.freeContext();
  }
}

/** More than a decoder's threads can hold; beyond it something is wrong with the decoder itself. */
const ERRORS_IN_A_ROW = 64;

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
