import type { MediaPacket } from '../media/types.ts';
import { isSameMeaning, type StreamParameters } from '../messages/stream-parameters.ts';
import type { MediaAccess } from './media-access.ts';

/** Says with which packets a stream's parameters change. */
export interface ParameterWatch {
  /** The parameters that hold from this packet on when they are new, as they are for the first one; else null. */
  changeAt(packet: MediaPacket): StreamParameters | null;
  /** Goes on with the next reader of the same source. */
  follow(reader: Described): void;
}

/** Whatever has parameters that may be replaced while reading, as folders of pictures do. */
export interface Described { readonly parameters: StreamParameters }

/** Watches a reader. Parameter sets come with key units, so only those are looked into. */
export function parameterWatch(media: MediaAccess, first: Described): ParameterWatch {
  let reader = first;
  /** What the reader says, and what the stream itself said since. */
  let described: StreamParameters | null = null;
  let current: StreamParameters | null = null;
  return {
    changeAt(packet) {
      const before = current;
      if (described === null || (reader.parameters !== described && !isSame(reader.parameters, described))) current = reader.parameters;
      described = reader.parameters;
      if (current !== null && packet.isKey) current = media.changedParameters(packet.data, current) ?? current;
      return current === before ? null : current;
    },
    follow(next) { reader = next; },
  };
}

function isSame(left: StreamParameters, right: StreamParameters): boolean {
  return left.codec === right.codec && left.width === right.width && left.height === right.height && left.framing === right.framing
    && left.timeBase.num === right.timeBase.num && left.timeBase.den === right.timeBase.den
    && isSameMeaning(left.samples, right.samples) && Buffer.compare(left.extradata, right.extradata) === 0;
}
