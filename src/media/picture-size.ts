/** Width and height of the pictures of a stream, after cropping. */
export interface PictureSize { readonly width: number; readonly height: number }

/**
 * Picture size of a sequence parameter set (ITU-T H.264 7.3.2.1.1, ITU-T H.265 7.3.2.2.1); undefined when it is cut short or senseless.
 * Own code, because `parseExtradata` of node-av 6.1.1 refuses sets that hold two emulation prevention bytes, as most cameras' do.
 */
export function pictureSizeOf(codec: 'h264' | 'hevc', sps: Uint8Array): PictureSize | undefined {
  try {
    const bits = bitReader(sps);
    const size = codec === 'h264' ? h264Size(bits) : hevcSize(bits);
    const isSensible = size.width > 0 && size.height > 0 && size.width <= 65_536 && size.height <= 65_536;
    return isSensible ? size : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface BitReader {
  /** u(n), up to 32 bits. */
  bits(count: number): number;
  /** ue(v) and se(v), H.264 9.1. */
  unsigned(): number;
  signed(): number;
}

function bitReader(nal: Uint8Array): BitReader {
  const bytes = withoutEmulationPrevention(nal);
  let at = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index++, at++) {
      const byte = bytes[at >> 3];
      if (byte === undefined) throw new RangeError('parameter set ends early');
      value = value * 2 + ((byte >> (7 - (at & 7))) & 1);
    }
    return value;
  };
  const unsigned = (): number => {
    let zeros = 0;
    while (bits(1) === 0) if (++zeros > 32) throw new RangeError('exponential Golomb code is too long');
    return 2 ** zeros - 1 + bits(zeros);
  };
  return {
    bits, unsigned,
    signed() {
      const code = unsigned();
      return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
    },
  };
}

/** H.264 7.3.1.1. */
function withoutEmulationPrevention(nal: Uint8Array): Uint8Array {
  const plain = new Uint8Array(nal.length);
  let size = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) { zeros = 0; continue; }
    plain[size++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return plain.subarray(0, size);
}

/** Profiles whose parameter sets say how chroma is coded (H.264 7.3.2.1.1). */
const WITH_CHROMA: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

function h264Size({ bits, unsigned, signed }: BitReader): PictureSize {
  bits(8);
  const profile = bits(8);
  bits(16);
  unsigned();
  let chroma = 1;
  if (WITH_CHROMA.has(profile)) {
    chroma = unsigned();
    if (chroma === 3) bits(1);
    unsigned();
    unsigned();
    bits(1);
    if (bits(1) === 1) for (let list = 0; list < (chroma === 3 ? 12 : 8); list++) if (bits(1) === 1) skipScalingList(list < 6 ? 16 : 64, signed);
  }
  unsigned();
  skipOrderCount({ bits, unsigned, signed });
  unsigned();
  bits(1);
  const columns = unsigned() + 1;
  const rows = unsigned() + 1;
  const isFrame = bits(1);
  if (isFrame === 0) bits(1);
  bits(1);
  const crop = bits(1) === 1 ? [unsigned(), unsigned(), unsigned(), unsigned()] : [];
  const [left = 0, right = 0, top = 0, bottom = 0] = crop;
  const unitX = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitY = (chroma === 1 ? 2 : 1) * (2 - isFrame);
  return { width: columns * 16 - unitX * (left + right), height: rows * 16 * (2 - isFrame) - unitY * (top + bottom) };
}

function skipScalingList(size: number, signed: () => number): void {
  let last = 8;
  let next = 8;
  for (let index = 0; index < size; index++) {
    if (next !== 0) next = (last + signed() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

function skipOrderCount({ bits, unsigned, signed }: BitReader): void {
  const type = unsigned();
  if (type === 0) unsigned();
  if (type !== 1) return;
  bits(1);
  signed();
  signed();
  const cycle = unsigned();
  if (cycle > 255) throw new RangeError('picture order count cycle is too long');
  for (let frame = 0; frame < cycle; frame++) signed();
}

function hevcSize({ bits, unsigned }: BitReader): PictureSize {
  bits(16);
  bits(4);
  const subLayers = bits(3);
  bits(1);
  skipProfile(subLayers, bits);
  unsigned();
  const chroma = unsigned();
  if (chroma === 3) bits(1);
  const width = unsigned();
  const height = unsigned();
  const window = bits(1) === 1 ? [unsigned(), unsigned(), unsigned(), unsigned()] : [];
  const [left = 0, right = 0, top = 0, bottom = 0] = window;
  const unitX = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitY = chroma === 1 ? 2 : 1;
  return { width: width - unitX * (left + right), height: height - unitY * (top + bottom) };
}

/** profile_tier_level (H.265 7.3.3). */
function skipProfile(subLayers: number, bits: BitReader['bits']): void {
  for (let byte = 0; byte < 12; byte++) bits(8);
  if (subLayers === 0) return;
  const present: { readonly profile: number; readonly level: number }[] = [];
  for (let layer = 0; layer < 8; layer++) {
    const profile = bits(1);
    const level = bits(1);
    if (layer < subLayers) present.push({ profile, level });
  }
  for (const { profile, level } of present) {
    for (let byte = 0; byte < profile * 11 + level; byte++) bits(8);
  }
}
