import { AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG, AVCOL_SPC_UNSPECIFIED } from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational, SoftwareScaleContext } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { LibavPicture } from './decoder.ts';
import { explain } from './libav.ts';
import { createPictureDecoder } from './picture-decoder.ts';
import type { Picture } from './types.ts';

/** A picture as JPEG. */
export interface JpegPicture { readonly jpeg: Uint8Array; readonly width: number; readonly height: number }

/** libav's quantiser scale, 2 (best) to 31: about a quality of 85 of other encoders. */
const QUANTISER = '4';

/**
 * Decodes one key frame and encodes it as JPEG, `width` pixels wide or as it is; never larger than it is. In full range, as JPEG is.
 * @throws PlatformError MEDIA_CORRUPT when the decoder makes no picture of it; MEDIA_UNSUPPORTED, MEDIA_INVALID
 */
export async function jpegOf(parameters: StreamParameters, unit: { readonly data: Uint8Array; readonly frameSeq: number }, width: number | undefined): Promise<JpegPicture> {
  const decoder = await createPictureDecoder(parameters, { threads: 1 });
  const pictures: Picture[] = [];
  try {
    pictures.push(...decoder.decode({ ...unit, isKey: true }));
    if (pictures.length === 0) pictures.push(...decoder.flush());
    const [picture] = pictures;
    if (!(picture instanceof LibavPicture)) throw new PlatformError('MEDIA_CORRUPT', `the ${parameters.codec} decoder makes no picture of frame ${unit.frameSeq}`, { frameSeq: unit.frameSeq });
    return await encodeJpeg(picture, sizeFor(picture, width));
  } finally {
    for (const picture of pictures) picture.free();
    decoder.close();
  }
}

/** Even sizes: chroma has half the resolution. */
function sizeFor({ width, height }: Picture, wanted: number | undefined): { readonly width: number; readonly height: number } {
  const scale = wanted === undefined ? 1 : Math.min(1, wanted / width);
  const even = (length: number): number => Math.max(2, Math.round(length * scale / 2) * 2);
  return { width: even(width), height: even(height) };
}

async function encodeJpeg(picture: LibavPicture, { width, height }: { readonly width: number; readonly height: number }): Promise<JpegPicture> {
  const codec = Codec.findEncoderByName('mjpeg' as Parameters<typeof Codec.findEncoderByName>[0]);
  if (codec === null) throw new PlatformError('MEDIA_UNSUPPORTED', 'this libav has no encoder of JPEG');
  const scaler = new SoftwareScaleContext();
  const context = new CodecContext();
  const target = new Frame();
  const packet = new Packet();
  try {
    target.alloc();
    packet.alloc();
    scaler.allocContext();
    scaler.setOption('sws_flags', 'bilinear');
    target.width = width;
    target.height = height;
    target.format = AV_PIX_FMT_YUVJ420P;
    target.colorRange = AVCOL_RANGE_JPEG;
    target.colorSpace = picture.frame.colorSpace === AVCOL_SPC_UNSPECIFIED ? AVCOL_SPC_UNSPECIFIED : picture.frame.colorSpace;
    check(target.getBuffer(0), 'hold');
    check(scaler.scaleFrameSync(target, picture.frame), 'scale');
    context.allocContext3(codec);
    context.width = width;
    context.height = height;
    context.pixelFormat = AV_PIX_FMT_YUVJ420P;
    context.timeBase = new Rational(1, 25);
    for (const [name, value] of [['qmin', QUANTISER], ['qmax', QUANTISER]] as const) check(context.setOption(name, value), 'set up');
    check(await context.open2(codec, null), 'encode');
    target.pts = 0n;
    check(context.sendFrameSync(target), 'encode');
    check(context.receivePacketSync(packet), 'encode');
    return { jpeg: new Uint8Array(packet.data ?? []), width, height };
  } finally {
    packet.free();
    target.free();
    context.freeContext();
    scaler.freeContext();
  }
}

function check(code: number, what: string): void {
  if (code < 0) throw new PlatformError('MEDIA_CORRUPT', `cannot ${what} the picture: ${explain(code).toLowerCase()}`, { libav: code });
}
