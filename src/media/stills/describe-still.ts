import { PlatformError } from '../../engine/errors.ts';
import type { Modality } from '../../messages/raster.ts';
import type { Codec } from '../../messages/stream-parameters.ts';
import { isFff, readFff } from './fff-record.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { readTiffHeader } from './tiff-header.ts';

/** What a picture file says of itself. */
export interface StillDescription {
  readonly codec: Extract<Codec, 'mjpeg' | 'png' | 'tiff' | 'fff'>;
  readonly width: number;
  readonly height: number;
  /** What it shows as far as it can be told: 16-bit grey PNG is depth, FLIR records are thermal; 16-bit TIFF may be either and counts as colours. */
  readonly modality: Modality;
}

/** More pixels than any camera has; a header of a few bytes may claim more than there is memory. */
const PIXELS_MAX = 2 ** 27;
const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/**
 * Tells a picture by its first bytes, whatever its name is. Pictures are not decoded.
 * @throws PlatformError MEDIA_CORRUPT when it is no JPEG, PNG, TIFF or FLIR record, is cut within its header, or claims to be larger than any camera's
 */
export function describeStill(bytes: Uint8Array): StillDescription {
  if (isFff(bytes)) {
    const { width, height } = readFff(bytes);
    return { codec: 'fff', width, height, modality: 'thermal' };
  }
  const found = readPng(bytes) ?? readTiff(bytes) ?? readJpeg(bytes);
  if (found === undefined) throw new PlatformError('MEDIA_CORRUPT', 'no JPEG, PNG, TIFF or FLIR record');
  const { width, height } = found;
  if (width * height > PIXELS_MAX) throw new PlatformError('MEDIA_CORRUPT', `a ${found.codec} of ${width}x${height} pixels`, { width, height });
  return found;
}

/** IHDR comes first (ISO/IEC 15948, 5.6 and 11.2.2): width, height, bit depth, colour type. */
function readPng(bytes: Uint8Array): StillDescription | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 33 || !file.subarray(0, 8).equals(PNG_SIGNATURE) || file.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  if (width === 0 || height === 0) return undefined;
  const isGrey16 = file[24] === 16 && file[25] === 0;
  return { codec: 'png', width, height, modality: isGrey16 ? 'depth' : 'rgb' };
}

function readTiff(bytes: Uint8Array): StillDescription | undefined {
  const size = readTiffHeader(bytes);
  return size === undefined ? undefined : { codec: 'tiff', ...size, modality: 'rgb' };
}

function readJpeg(bytes: Uint8Array): StillDescription | undefined {
  const header = readJpegHeader(bytes);
  return header === undefined ? undefined : { codec: 'mjpeg', width: header.width, height: header.height, modality: header.fff !== undefined && isFff(header.fff) ? 'thermal' : 'rgb' };
}
