import type { StreamParameters } from '../messages/stream-parameters.ts';
import { extradataParameterSets, inBandParameterSets, joinParameterSets, parameterSetsDiffer, unitType } from './nal.ts';
import { pictureSizeOf } from './picture-size.ts';
import type { PictureSize } from './picture-size.ts';
import { readJpegHeader } from './stills/jpeg-header.ts';

/**
 * The parameters that hold from this unit on when it brings parameter sets that `current` does not hold, with the new picture size;
 * null when it brings none. Sets of kinds that the unit leaves out stay as they were. Parameters without a size get it from the sets they hold.
 */
export function changedParameters(unit: Uint8Array, current: StreamParameters): StreamParameters | null {
  if (current.codec === 'mjpeg') return resized(current, readJpegHeader(unit));
  if (!parameterSetsDiffer(current, unit)) return current.width > 0 ? null : sized(current, extradataParameterSets(current));
  const brought = inBandParameterSets(unit, current);
  const kinds = new Set(brought.map((set) => unitType(current.codec, set)));
  const kept = extradataParameterSets(current).filter((set) => !kinds.has(unitType(current.codec, set)));
  const sets = [...kept, ...brought].toSorted((left, right) => unitType(current.codec, left) - unitType(current.codec, right));
  const extradata = current.framing === 'length-prefixed' ? recordOf(current, sets) : joinParameterSets(current.codec, sets);
  return { ...current, extradata, ...pictureSizeIn(current.codec, sets) };
}

/** A JPEG says its size itself; over RTP nothing else does (RFC 2435). Half the height is a field of an interlaced picture. */
function resized(current: StreamParameters, said: PictureSize | undefined): StreamParameters | null {
  if (said === undefined || (said.width === current.width && (said.height === current.height || said.height * 2 === current.height))) return null;
  return { ...current, width: said.width, height: said.height };
}

function sized(current: StreamParameters, sets: readonly Uint8Array[]): StreamParameters | null {
  const size = pictureSizeIn(current.codec, sets);
  return size === undefined ? null : { ...current, ...size };
}

/** Picture size that the first SPS of `sets` says; undefined without one and for codecs whose sets are not read here. */
export function pictureSizeIn(codec: StreamParameters['codec'], sets: readonly Uint8Array[]): PictureSize | undefined {
  if (codec !== 'h264' && codec !== 'hevc') return undefined;
  const sps = sets.find((set) => unitType(codec, set) === (codec === 'h264' ? 7 : 33));
  return sps === undefined ? undefined : pictureSizeOf(codec, sps);
}

/** avcC (ISO/IEC 14496-15, 5.3.3.1.2) or hvcC (8.3.3.1.2) with these sets; the fixed fields are of the record before. */
function recordOf({ codec, extradata }: StreamParameters, sets: readonly Uint8Array[]): Uint8Array {
  if (codec === 'hevc') {
    const arrays = sets.map((set) => Uint8Array.of(0x80 | unitType('hevc', set), 0, 1, set.length >> 8, set.length & 255, ...set));
    return new Uint8Array(Buffer.concat([extradata.subarray(0, 22), Uint8Array.of(arrays.length), ...arrays]));
  }
  const counted = (type: number): Uint8Array[] => sets.filter((set) => unitType('h264', set) === type);
  const listed = (list: readonly Uint8Array[]): Uint8Array[] => list.map((set) => Uint8Array.of(set.length >> 8, set.length & 255, ...set));
  const sps = counted(7);
  const profile = sps[0]?.subarray(1, 4) ?? extradata.subarray(1, 4);
  return new Uint8Array(Buffer.concat([
    Uint8Array.of(1, ...profile, extradata[4] ?? 0xff, 0xe0 | sps.length), ...listed(sps), Uint8Array.of(counted(8).length), ...listed(counted(8)),
  ]));
}
