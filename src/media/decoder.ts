import { AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { Codec, CodecContext, CodecParameters, Frame, Packet } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { SampleMeaning, StreamParameters } from '../messages/stream-parameters.ts';
import { AGAIN, CODEC_IDS, END, explain, type LibavCodec } from './libav.ts';
import { isGrey16, Rendition, type Calibration } from './rendition.ts';
import type { FrameDecoder, Picture } from './types.ts';
import type { DeviceStream, PictureSize, VideoDevice } from './video-device.ts';

/** How a decoder works. */
export interface DecoderOptions {
  readonly threads: number;
  readonly device?: VideoDevice | undefined;
  readonly onSoftware?: (reason: string) => void;
}

/** A stream on a device, until it is known that the device takes it. */
interface OnDevice { readonly stream: DeviceStream; readonly onSoftware: (reason: string) => void }

/**
 * Opens libav's decoder for a stream. Create it asynchronously, use it synchronously: the synchronous creation of node-av 6.1.1 corrupts the
 * heap when given options.
 * @param options.threads 1: a picture comes out with its own access unit unless the stream reorders; n: up to n - 1 units later
 * @param options.device decodes the stream, if it can; what it cannot is decoded on the processor, and `onSoftware` is told once why
 * @throws PlatformError MEDIA_UNSUPPORTED when this libav has no such decoder, MEDIA_INVALID when it refuses the parameters
 */
export async function createDecoder(parameters: StreamParameters, options: DecoderOptions): Promise<FrameDecoder> {
  const codec = parameters.codec === 'fff' ? null : Codec.findDecoder(CODEC_IDS[parameters.codec]);
  if (parameters.codec === 'fff' || codec === null) throw new PlatformError('MEDIA_UNSUPPORTED', `this libav cannot decode ${parameters.codec}`, { codec: parameters.codec });
  const context = new CodecContext();
  context.allocContext3(codec);
  describe(context, parameters, parameters.codec);
  const { device, onSoftware = () => {}, threads } = options;
  const isWanted = device?.decodes(parameters.codec) === true;
  const stream = isWanted ? device.attach(context) : undefined;
  if (device && !isWanted) onSoftware(`${device.name} does not decode ${parameters.codec}`);
  context.threadCount = stream ? 1 : threads;
  const opened = await context.open2(codec, null);
  if (opened < 0) {
    context.freeContext();
    stream?.close();
    if (stream) {
      onSoftware(`${device?.name} does not open this ${parameters.codec} stream: ${explain(opened).toLowerCase()}`);
      return createDecoder(parameters, { threads });
    }
    throw new PlatformError('MEDIA_INVALID', `cannot decode this ${parameters.codec} stream: ${explain(opened).toLowerCase()}`, { codec: parameters.codec, libav: opened });
  }
  return new LibavDecoder(context, parameters, stream && { stream, onSoftware });
}

function describe(context: CodecContext, parameters: StreamParameters, codec: LibavCodec): void {
  const described = new CodecParameters();
  described.alloc();
  described.codecType = AVMEDIA_TYPE_VIDEO;
  described.codecId = CODEC_IDS[codec];
  described.width = parameters.width;
  described.height = parameters.height;
  if (parameters.extradata.length > 0) described.extradata = Buffer.from(parameters.extradata);
  context.parametersToContext(described);
  described.free();
}

/** What the samples of a picture mean, and how they are shown in 8 bits. */
export interface PictureMeaning {
  readonly modality: SampleMeaning['modality'];
  readonly calibration: Calibration | undefined;
  /** Borrowed from the decoder. */
  readonly rendition: Rendition;
}

/** A picture of ours with the libav frame the scaler needs. */
export class LibavPicture implements Picture {
  readonly frameSeq: number;
  readonly width: number;
  readonly height: number;
  /** A JPEG or PNG: a still, where exactness is worth more than a millisecond. */
  readonly isStill: boolean;
  /** What its samples mean; undefined for pictures of colours. */
  readonly meaning: PictureMeaning | undefined;
  readonly #stream: DeviceStream | undefined;
  #frame: Frame | undefined;
  /** Samples of 16 bits as they are shown, once somebody looked. */
  #shown: Frame | undefined;
  /** What a device holds, on the host, once somebody looked. */
  #fetched: Frame | undefined;

  /** Takes the frame over. @param stream whose device holds the picture; undefined: the host does */
  constructor(frame: Frame, isStill: boolean, meaning?: PictureMeaning, stream?: DeviceStream) {
    this.#stream = stream;
    this.isStill = isStill;
    this.meaning = meaning;
    this.frameSeq = Number(frame.pts);
    this.width = frame.width;
    this.height = frame.height;
    this.#frame = frame;
  }

  /**
   * As it is looked at: samples of 16 bits with a meaning in 8 bits, anything else as it was decoded.
   * @throws Error after `free`: a programming mistake that native code must never see
   */
  get frame(): Frame {
    const { samples, meaning } = this;
    if (meaning === undefined || !isGrey16(samples)) return samples;
    this.#shown ??= meaning.rendition.show(samples, meaning.calibration);
    return this.#shown;
  }

  /** As it was decoded, on the host. @throws Error after `free` */
  get samples(): Frame {
    const own = this.#own();
    if (this.#stream === undefined) return own;
    if (this.#fetched === undefined) {
      const fetched = this.#stream.fetch(own).clone();
      if (fetched === null) throw new PlatformError('MEDIA_CORRUPT', 'no memory for a picture', {});
      this.#fetched = fetched;
    }
    return this.#fetched;
  }

  /** True while it lies in the memory of a device alone. */
  get isOnDevice(): boolean { return this.#stream !== undefined && this.#fetched === undefined; }

  /** The picture as `frame`, or smaller, down to `size`, where a device holds it: less to carry to the host. Borrowed until the next call. */
  near(size: PictureSize): Frame {
    return this.#stream === undefined ? this.frame : this.#stream.fetch(this.#own(), size);
  }

  #own(): Frame {
    if (this.#frame === undefined) throw new Error(`picture ${this.frameSeq} was used after free`);
    return this.#frame;
  }

  free(): void {
    this.#frame?.free();
    this.#frame = undefined;
    this.#shown?.free();
    this.#shown = undefined;
    this.#fetched?.free();
    this.#fetched = undefined;
  }
}

class LibavDecoder implements FrameDecoder {
  readonly #context: CodecContext;
  readonly #codec: string;
  readonly #isStill: boolean;
  readonly #meaning: PictureMeaning | undefined;
  readonly #packet = new Packet();
  #spare: Frame | undefined;
  /** Pictures that came out together with an error; handed over by the next call. */
  #held: Picture[] = [];
  #awaitsKey = false;
  #isClosed = false;
  #onDevice: OnDevice | undefined;
  #deviceFailures = 0;

  constructor(context: CodecContext, { codec, samples }: StreamParameters, onDevice?: OnDevice) {
    this.#onDevice = onDevice;
    this.#context = context;
    this.#codec = codec;
    this.#isStill = codec === 'mjpeg' || codec === 'png' || codec === 'tiff';
    this.#meaning = samples && meaningOf(samples);
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
      this.#judgeDevice(failure);
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
        pictures.push(this.#pictureOf(frame));
        continue;
      }
      this.#spare = frame;
      if (code === AGAIN || code === END) break;
      failure ||= code;
      errors++;
    }
    return failure;
  }

  #pictureOf(frame: Frame): LibavPicture {
    this.#deviceFailures = 0;
    const { stream, onSoftware } = this.#onDevice ?? {};
    if (stream === undefined || stream.holds(frame)) return new LibavPicture(frame, this.#isStill, this.#meaning, stream);
    onSoftware?.(`the device refuses this ${this.#codec} stream: its profile, its size, or too many streams`);
    this.#onDevice = undefined;
    stream.close();
    return new LibavPicture(frame, this.#isStill, this.#meaning);
  }

  /** A damaged stream may look like a device that fails, for a picture or two. */
  #judgeDevice(code: number): void {
    if (this.#onDevice?.stream.isFailure(code) !== true || ++this.#deviceFailures < DEVICE_FAILURES_MAX) return;
    throw new PlatformError('DEVICE_FAILED', `the GPU decodes no more: ${explain(code).toLowerCase()}`, { provider: 'nvdec', libav: code });
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
    this.#meaning?.rendition.close();
    this.#packet.free();
    this.#context.freeContext();
    this.#onDevice?.stream.close();
  }
}

/** Of pictures that do not carry constants of their own. */
function meaningOf(samples: SampleMeaning): PictureMeaning {
  const { modality, metresPerStep, kelvinPerStep } = samples;
  const calibration: Calibration | undefined = metresPerStep !== null ? { kind: 'depth', metresPerStep } : kelvinPerStep !== undefined ? { kind: 'kelvin', kelvinPerStep } : undefined;
  return { modality, calibration, rendition: new Rendition(samples) };
}

/** More than a decoder's threads can hold; beyond it something is wrong with the decoder itself. */
const ERRORS_IN_A_ROW = 64;

/** Units in a row that a device fails on before it counts as lost. */
const DEVICE_FAILURES_MAX = 16;

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
