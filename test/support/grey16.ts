import { AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE } from 'node-av/constants';
import { Codec as LibavCodec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import '../../src/media/libav.ts'; // silences libav
import type { PlanckCalibration } from '../../src/messages/raster.ts';

/** 16-bit samples of one channel. */
export interface Grey16 { readonly width: number; readonly height: number; readonly samples: Uint16Array }

/** A picture whose sample number `index` is `at(index)`. */
export function grey16(width: number, height: number, at: (index: number) => number): Grey16 {
  return { width, height, samples: Uint16Array.from({ length: width * height }, (_, index) => at(index)) };
}

const TARGETS = { png: { name: 'png', format: AV_PIX_FMT_GRAY16BE }, tiff: { name: 'tiff', format: AV_PIX_FMT_GRAY16LE } } as const;

/** The samples as PNG or LZW TIFF, written by libav. */
export function encodeGrey16(codec: 'png' | 'tiff', { width, height, samples }: Grey16): Uint8Array {
  const { name, format } = TARGETS[codec];
  const encoder = LibavCodec.findEncoderByName(name as never)!;
  const context = new CodecContext();
  context.allocContext3(encoder);
  context.width = width;
  context.height = height;
  context.pixelFormat = format;
  context.timeBase = new Rational(1, 25);
  if (codec === 'tiff') must(context.setOption('compression_algo', 'lzw'));
  must(context.open2Sync(encoder, null));
  const frame = new Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = format;
  must(frame.getBuffer());
  const [plane, stride] = [frame.data![0]!, frame.linesize[0]!];
  samples.forEach((sample, index) => {
    const at = Math.floor(index / width) * stride + index % width * 2;
    if (format === AV_PIX_FMT_GRAY16BE) plane.writeUInt16BE(sample, at);
    else plane.writeUInt16LE(sample, at);
  });
  must(context.sendFrameSync(frame));
  must(context.sendFrameSync(null));
  const packet = new Packet();
  packet.alloc();
  must(context.receivePacketSync(packet));
  const bytes = new Uint8Array(packet.data!);
  packet.free();
  frame.free();
  context.freeContext();
  return bytes;
}

/** Constants of a FLIR Duo Pro R. */
export const DUO: PlanckCalibration = { kind: 'planck', r1: 364_058, r2: 1, b: 1428, f: 1, o: -228, emissivity: 0.5 };

/** What a made-up FLIR file holds. */
export interface FffParts {
  readonly width: number;
  readonly height: number;
  /** Bytes behind the head of the thermal record. */
  readonly image: Uint8Array;
  /** Byte order of header and directory. @default 'big' */
  readonly directory?: 'big' | 'little';
  /** Byte order of the records. @default 'little' */
  readonly records?: 'big' | 'little';
  readonly calibration?: PlanckCalibration;
  /** Noted median of the samples. @default 0 */
  readonly median?: number;
}

/** A FLIR file as exiftool describes it, with empty entries in its directory as cameras leave them, and the constants before the picture. */
export function fffFile(parts: FffParts): Buffer {
  const { r1, r2, b, f, o, emissivity } = parts.calibration ?? DUO;
  const isLittle = parts.records !== 'big';
  const info = Buffer.alloc(0x400);
  const float = (value: number, at: number): void => { if (isLittle) info.writeFloatLE(value, at); else info.writeFloatBE(value, at); };
  const u16 = (buffer: Buffer, value: number, at: number): void => { if (isLittle) buffer.writeUInt16LE(value, at); else buffer.writeUInt16BE(value, at); };
  u16(info, 2, 0);
  for (const [value, at] of [[emissivity, 0x20], [r1, 0x58], [b, 0x5c], [f, 0x60], [r2, 0x30c]] as const) float(value, at);
  if (isLittle) info.writeInt32LE(o, 0x308);
  else info.writeInt32BE(o, 0x308);
  u16(info, parts.median ?? 0, 0x338);
  const head = Buffer.alloc(32);
  for (const [index, value] of [2, parts.width, parts.height].entries()) u16(head, value, index * 2);
  const raw = Buffer.concat([head, parts.image]);
  const file = Buffer.alloc(64 + 5 * 32);
  file.write('FFF\0MADE UP', 0, 'latin1');
  const u32 = (value: number, at: number): void => { if (parts.directory === 'little') file.writeUInt32LE(value, at); else file.writeUInt32BE(value, at); };
  u32(101, 20);
  u32(64, 24);
  u32(5, 28);
  const entry = (index: number, type: number, from: number, length: number): void => {
    const at = 64 + index * 32;
    if (parts.directory === 'little') file.writeUInt16LE(type, at);
    else file.writeUInt16BE(type, at);
    u32(from, at + 12);
    u32(length, at + 16);
  };
  entry(1, 0x20, file.length, info.length);
  entry(2, 1, file.length + info.length, raw.length);
  return Buffer.concat([file, info, raw]);
}

/** The samples row by row in a byte order. */
export function samplesIn(order: 'big' | 'little', { samples }: Grey16): Buffer {
  const bytes = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, index) => (order === 'big' ? bytes.writeUInt16BE(sample, index * 2) : bytes.writeUInt16LE(sample, index * 2)));
  return bytes;
}

/** The samples with the bytes of each the other way round. */
export function swapped(picture: Grey16): Grey16 {
  return { ...picture, samples: picture.samples.map((sample) => ((sample & 0xff) << 8) | (sample >> 8)) };
}

/** A JPEG with a FLIR file in APP1 segments of at most `pieceBytes`, as cameras write them: flyr, a reader by others, reads the same samples and constants from it. */
export function radiometricJpeg(jpeg: Uint8Array, fff: Uint8Array, pieceBytes = 60_000): Buffer {
  const count = Math.ceil(fff.length / pieceBytes);
  const segments = Array.from({ length: count }, (_, index) => {
    const piece = fff.subarray(index * pieceBytes, (index + 1) * pieceBytes);
    const head = Buffer.from([0xff, 0xe1, 0, 0, 0x46, 0x4c, 0x49, 0x52, 0, 1, index, count - 1]);
    head.writeUInt16BE(piece.length + 10, 2);
    return Buffer.concat([head, piece]);
  });
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

function must(code: number): void {
  if (code < 0) throw new Error(`libav refused to make a test picture: ${code}`);
}
