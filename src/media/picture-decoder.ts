import { AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE } from 'node-av/constants';
import { Frame } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { SampleMeaning, StreamParameters } from '../messages/stream-parameters.ts';
import { createDecoder, LibavPicture, type DecoderOptions } from './decoder.ts';
import { explain } from './libav.ts';
import { Rendition } from './rendition.ts';
import { describeStill } from './stills/describe-still.ts';
import { isFff, readFff, type FffRecord } from './stills/fff-record.ts';
import { readJpegHeader } from './stills/jpeg-header.ts';
import type { FrameDecoder, Picture } from './types.ts';

/**
 * Opens the decoder of a stream: libav's, or for thermal pictures that carry what the sensor counted, ours around libav's.
 * @param options as for `createDecoder` of decoder.ts
 * @throws PlatformError MEDIA_UNSUPPORTED, MEDIA_INVALID as `createDecoder`
 */
export async function createPictureDecoder(parameters: StreamParameters, options: DecoderOptions): Promise<FrameDecoder> {
  const { codec } = parameters;
  const samples: SampleMeaning | undefined = codec === 'fff' ? { modality: 'thermal', metresPerStep: null, range: null, ...parameters.samples } : parameters.samples;
  if (samples?.modality !== 'thermal' || (codec !== 'fff' && codec !== 'mjpeg')) return createDecoder(parameters, options);
  const plain = codec === 'mjpeg' ? await createDecoder(parameters, options) : undefined;
  try {
    const { samples: _, ...colours } = parameters;
    return new RadiometricDecoder(samples, plain, await createDecoder({ ...colours, codec: 'png', extradata: new Uint8Array(0) }, { threads: 1 }));
  } catch (error) {
    plain?.close();
    throw error;
  }
}

/** FLIR records, alone or in a JPEG. A JPEG without one is decoded as the picture it shows. */
class RadiometricDecoder implements FrameDecoder {
  readonly #rendition: Rendition;
  readonly #plain: FrameDecoder | undefined;
  /** Of pictures in records. */
  readonly #png: FrameDecoder;

  constructor(samples: SampleMeaning, plain: FrameDecoder | undefined, png: FrameDecoder) {
    this.#rendition = new Rendition(samples);
    this.#plain = plain;
    this.#png = png;
  }

  decode(unit: { readonly frameSeq: number; readonly data: Uint8Array; readonly isKey: boolean }): readonly Picture[] {
    const fff = this.#plain === undefined ? unit.data : readJpegHeader(unit.data)?.fff;
    if (this.#plain !== undefined && (fff === undefined || !isFff(fff))) return this.#plain.decode(unit);
    const record = readFff(fff ?? unit.data);
    const frame = record.layout === 'png' ? this.#decodePng(record, unit.frameSeq) : frameOf(record);
    frame.pts = BigInt(unit.frameSeq);
    return [new LibavPicture(frame, true, { modality: 'thermal', calibration: record.calibration, rendition: this.#rendition })];
  }

  #decodePng(record: FffRecord, frameSeq: number): Frame {
    const { width, height } = describeStill(record.image);
    if (width !== record.width || height !== record.height) throw unreadable(`its PNG is ${width}x${height}, not ${record.width}x${record.height}`);
    const pictures = this.#png.decode({ frameSeq, data: record.image, isKey: true });
    try {
      const [picture] = pictures;
      if (!(picture instanceof LibavPicture) || picture.frame.format !== AV_PIX_FMT_GRAY16BE) throw unreadable('its thermal PNG is not of 16-bit grey');
      const frame = newFrame();
      const code = frame.ref(picture.frame);
      if (code < 0) {
        frame.free();
        throw unreadable(explain(code).toLowerCase());
      }
      if (isSwapped(frame, record.median)) frame.format = AV_PIX_FMT_GRAY16LE;
      return frame;
    } finally {
      for (const picture of pictures) picture.free();
    }
  }

  flush(): readonly Picture[] { return this.#plain?.flush() ?? []; }

  close(): void {
    this.#plain?.close();
    this.#png.close();
    this.#rendition.close();
  }
}

/** Samples looked at to tell their byte order. */
const PROBES = 64;

/**
 * True when the bytes of the samples are in the other order than PNG's, as most FLIR cameras write them: told by which order brings the middle
 * of some samples nearer to the median that the camera noted; without one it is taken to be as most do.
 */
function isSwapped(frame: Frame, median: number): boolean {
  const plane = frame.data?.[0];
  const stride = frame.linesize[0] ?? 0;
  if (median === 0 || plane === undefined) return true;
  const places = Array.from({ length: PROBES }, (_, probe) => Math.floor((probe + 0.5) * frame.height / PROBES) * stride + 2 * Math.floor((probe + 0.5) * frame.width / PROBES));
  const distance = (read: (at: number) => number): number => Math.abs((places.map(read).toSorted((a, b) => a - b)[PROBES / 2] ?? 0) - median);
  return distance(at => plane.readUInt16LE(at)) < distance(at => plane.readUInt16BE(at));
}

/** The samples of a record as a frame of libav. */
function frameOf({ width, height, image, layout }: FffRecord): Frame {
  const frame = newFrame();
  frame.width = width;
  frame.height = height;
  frame.format = layout === 'big-endian' ? AV_PIX_FMT_GRAY16BE : AV_PIX_FMT_GRAY16LE;
  const code = frame.getBuffer();
  const plane = frame.data?.[0];
  const stride = frame.linesize[0];
  if (code < 0 || plane === undefined || stride === undefined) {
    frame.free();
    throw unreadable(explain(code).toLowerCase());
  }
  const row = width * 2;
  for (let y = 0; y < height; y++) plane.set(image.subarray(y * row, (y + 1) * row), y * stride);
  return frame;
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}

function unreadable(why: string): PlatformError {
  return new PlatformError('MEDIA_CORRUPT', `the FLIR record cannot be read: ${why}`);
}
