import { PlatformError } from '../../engine/errors.ts';
import type { PlanckCalibration } from '../../messages/raster.ts';

/*
 * FLIR file format. FLIR publishes no specification; this follows the description that exiftool's FLIR module gives of it
 * (https://exiftool.org/TagNames/FLIR.html, "ProcessFLIR" and the tables RawData and CameraInfo), which the cameras' files bear out:
 *   file   := "FFF\0" creator[16] version:u32 directoryOffset:u32 entries:u32 … (64 bytes)
 *   entry  := type:u16 subtype:u16 version:u32 id:u32 offset:u32 length:u32 … (32 bytes)
 * in either byte order: that in which the version lies between 100 and 199. Each record has a byte order of its own: that in which it begins with 2.
 */
const HEADER_BYTES = 64;
const ENTRY_BYTES = 32;
/** Directories of cameras hold some 20 entries. */
const ENTRIES_MAX = 4096;
const RAW_DATA = 1;
const CAMERA_INFO = 0x20;
const RAW_DATA_HEAD_BYTES = 32;
/** Up to and with PlanckR2. */
const CAMERA_INFO_BYTES = 0x310;
const MEDIAN_AT = 0x338;
const SIDE_MAX = 8192;
const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** What a thermal camera counted, and what its counts mean. */
export interface FffRecord {
  readonly width: number;
  readonly height: number;
  /** Samples of 16 bits in the order said, row by row; or a PNG of them. A view of the file. */
  readonly image: Buffer;
  readonly layout: 'little-endian' | 'big-endian' | 'png';
  readonly calibration: PlanckCalibration;
  /** Median of the samples as the camera noted it; 0: it did not. Tells the byte order of a PNG, which many cameras get wrong. */
  readonly median: number;
}

/** True for bytes that begin as a FLIR file. */
export function isFff(bytes: Uint8Array): boolean {
  return bytes[0] === 0x46 && bytes[1] === 0x46 && bytes[2] === 0x46 && bytes[3] === 0;
}

/**
 * Reads the thermal picture of a FLIR file and the constants that make it temperatures.
 * @throws PlatformError MEDIA_CORRUPT when it is cut short, or holds no thermal picture or no constants
 */
export function readFff(bytes: Uint8Array): FffRecord {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < HEADER_BYTES || !isFff(file)) throw damaged('does not begin with the header of one');
  const u32 = isVersion(file.readUInt32BE(20)) ? (at: number): number => file.readUInt32BE(at) : (at: number): number => file.readUInt32LE(at);
  const u16 = isVersion(file.readUInt32BE(20)) ? (at: number): number => file.readUInt16BE(at) : (at: number): number => file.readUInt16LE(at);
  if (!isVersion(u32(20))) throw damaged(`is of no known version (${file.readUInt32BE(20)})`);
  const directory = u32(24);
  const entries = u32(28);
  if (entries > ENTRIES_MAX || directory + entries * ENTRY_BYTES > file.length) throw damaged(`ends within its directory of ${entries} records`);
  const record = (type: number, name: string): Buffer => {
    for (let at = directory; at < directory + entries * ENTRY_BYTES; at += ENTRY_BYTES) {
      if (u16(at) !== type) continue;
      const [from, length] = [u32(at + 12), u32(at + 16)];
      if (from + length > file.length) throw damaged(`ends within its ${name}`);
      return file.subarray(from, from + length);
    }
    throw damaged(`has no ${name}`);
  };
  return { ...readRawData(record(RAW_DATA, 'thermal picture')), ...readCameraInfo(record(CAMERA_INFO, 'camera constants')) };
}

function isVersion(value: number): boolean { return value >= 100 && value < 200; }

function readRawData(record: Buffer): Pick<FffRecord, 'width' | 'height' | 'image' | 'layout'> {
  if (record.length < RAW_DATA_HEAD_BYTES) throw damaged('has an empty thermal picture');
  const isLittle = record.readUInt16LE(0) < 0x100;
  const [width, height] = isLittle ? [record.readUInt16LE(2), record.readUInt16LE(4)] : [record.readUInt16BE(2), record.readUInt16BE(4)];
  if (width === 0 || height === 0 || width > SIDE_MAX || height > SIDE_MAX) throw damaged(`says that its thermal picture is ${width}x${height}`);
  const image = record.subarray(RAW_DATA_HEAD_BYTES);
  if (image.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return { width, height, image, layout: 'png' };
  if (image.length < width * height * 2) throw damaged(`holds ${image.length} bytes for a thermal picture of ${width}x${height}`);
  return { width, height, image: image.subarray(0, width * height * 2), layout: isLittle ? 'little-endian' : 'big-endian' };
}

function readCameraInfo(record: Buffer): Pick<FffRecord, 'calibration' | 'median'> {
  if (record.length < CAMERA_INFO_BYTES) throw damaged('has too short a record of camera constants');
  const isLittle = record.readUInt16LE(0) < 0x100;
  const float = (at: number): number => (isLittle ? record.readFloatLE(at) : record.readFloatBE(at));
  const calibration: PlanckCalibration = {
    kind: 'planck', emissivity: float(0x20), r1: float(0x58), b: float(0x5c), f: float(0x60),
    o: isLittle ? record.readInt32LE(0x308) : record.readInt32BE(0x308), r2: float(0x30c),
  };
  const { r1, r2, b, f } = calibration;
  if (![r1, r2, b, f].every(Number.isFinite) || r1 <= 0 || r2 <= 0 || b <= 0) throw damaged(`has camera constants that make no temperature (R1 ${r1}, R2 ${r2}, B ${b}, F ${f})`);
  const median = record.length < MEDIAN_AT + 2 ? 0 : isLittle ? record.readUInt16LE(MEDIAN_AT) : record.readUInt16BE(MEDIAN_AT);
  return { calibration, median };
}

function damaged(how: string): PlatformError {
  return new PlatformError('MEDIA_CORRUPT', `the FLIR record ${how}`);
}
