/** What a JPEG says before its picture begins. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** The FLIR file that a radiometric JPEG carries; undefined: it carries none, or not all of it. */
  readonly fff: Uint8Array | undefined;
}

const START_OF_SCAN = 0xda;
const APP1 = 0xe1;
const FLIR = Buffer.from('FLIR\0', 'latin1');
/** Name, version, number of the segment, number of the last one; the rest is a piece of the file (https://exiftool.org/TagNames/JPEG.html, APP1 FLIR). */
const FLIR_HEAD_BYTES = 8;

/** Reads the segments of a JPEG (ITU-T T.81, annex B) up to the picture; undefined when it is none, or is cut before its frame header. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 4 || file.readUInt16BE(0) !== 0xffd8) return undefined;
  let size: { readonly width: number; readonly height: number } | undefined;
  const pieces = new Map<number, Buffer>();
  let last = 0;
  for (let at = 2; at + 4 <= file.length;) {
    if (file[at] !== 0xff) return undefined;
    const marker = file[at + 1] ?? 0;
    if (marker === 0xff) { at++; continue; } // fill byte
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (marker === START_OF_SCAN || end > file.length) break;
    const segment = file.subarray(at + 4, end);
    if (isFrameHeader(marker) && segment.length >= 5) size = { height: segment.readUInt16BE(1), width: segment.readUInt16BE(3) };
    if (marker === APP1 && segment.length > FLIR_HEAD_BYTES && segment.subarray(0, FLIR.length).equals(FLIR)) {
      pieces.set(segment[6] ?? 0, segment.subarray(FLIR_HEAD_BYTES));
      last = segment[7] ?? 0;
    }
    at = end;
  }
  return size === undefined || size.width === 0 || size.height === 0 ? undefined : { ...size, fff: joined(pieces, last) };
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which share their numbers (table B.1). */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function joined(pieces: ReadonlyMap<number, Buffer>, last: number): Uint8Array | undefined {
  const inOrder = Array.from({ length: last + 1 }, (_, index) => pieces.get(index) ?? []).flat();
  return inOrder.length === last + 1 ? Buffer.concat(inOrder) : undefined;
}
