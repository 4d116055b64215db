import type { Codec } from '../messages/stream-parameters.ts';

const hex = (value: number): string => value.toString(16).padStart(2, '0');

/**
 * The codec as browsers name it (RFC 6381; ISO/IEC 14496-15 annex E, AV1-ISOBMFF 5, VP codec binding), of its configuration record: avcC,
 * hvcC, av1C or vpcC. null for codecs that WebCodecs and MSE do not know, and where the record is missing.
 */
export function codecString(codec: Codec, record: Uint8Array): string | null {
  switch (codec) {
    case 'h264': return record.length < 4 ? null : `avc1.${[1, 2, 3].map(index => hex(record[index] ?? 0)).join('')}`;
    case 'hevc': return record.length < 13 ? null : hevcString(record);
    case 'av1': return record.length < 3 ? null : av1String(record);
    case 'vp8': return 'vp8';
    case 'vp9': return record.length < 7 ? 'vp09.00.10.08' : `vp09.${[record[4], record[5], (record[6] ?? 0) >> 4].map(field => String(field ?? 0).padStart(2, '0')).join('.')}`;
    case 'mjpeg': case 'mpeg4': case 'png': case 'tiff': case 'fff': return null;
  }
}

/** ISO/IEC 14496-15, E.3: profile space and profile, compatibility flags in reverse bit order, tier and level, constraint bytes without trailing zeros. */
function hevcString(record: Uint8Array): string {
  const [general = 0, level = 0] = [record[1], record[12]];
  const compatibility = [...record.subarray(2, 6)].reduce((bits, byte) => bits * 256 + byte, 0);
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = reversed * 2 + (Math.floor(compatibility / 2 ** bit) % 2);
  const constraints = [...record.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  const space = ['', 'A', 'B', 'C'][general >> 6] ?? '';
  return ['hev1', `${space}${general & 31}`, reversed.toString(16), `${(general & 32) === 0 ? 'L' : 'H'}${level}`, ...constraints.map(byte => byte.toString(16))].join('.');
}

/** AV1-ISOBMFF, 2.3.3 and 5: profile, level, tier and bit depth. */
function av1String(record: Uint8Array): string {
  const [sequence = 0, flags = 0] = [record[1], record[2]];
  const isHigh = (flags & 0x40) !== 0;
  const depth = isHigh && (flags & 0x20) !== 0 ? 12 : isHigh ? 10 : 8;
  return `av01.${sequence >> 5}.${String(sequence & 31).padStart(2, '0')}${(flags & 0x80) === 0 ? 'M' : 'H'}.${String(depth).padStart(2, '0')}`;
}
