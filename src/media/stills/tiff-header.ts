const IMAGE_WIDTH = 256;
const IMAGE_LENGTH = 257;
const SHORT = 3;
const LONG = 4;
const ENTRY_BYTES = 12;

/** Width and height of the first picture of a TIFF file (TIFF 6.0, section 2); undefined when it is none, or does not say. */
export function readTiffHeader(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 8) return undefined;
  const order = file.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  const u16 = (at: number): number => (order === 'II' ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const u32 = (at: number): number => (order === 'II' ? file.readUInt32LE(at) : file.readUInt32BE(at));
  if (u16(2) !== 42) return undefined;
  const directory = u32(4);
  if (directory + 2 > file.length) return undefined;
  const sides = new Map<number, number>();
  const end = directory + 2 + u16(directory) * ENTRY_BYTES;
  for (let at = directory + 2; at + ENTRY_BYTES <= Math.min(end, file.length); at += ENTRY_BYTES) {
    const type = u16(at + 2);
    if (type === SHORT) sides.set(u16(at), u16(at + 8));
    else if (type === LONG) sides.set(u16(at), u32(at + 8));
  }
  const [width = 0, height = 0] = [sides.get(IMAGE_WIDTH), sides.get(IMAGE_LENGTH)];
  return width > 0 && height > 0 ? { width, height } : undefined;
}
