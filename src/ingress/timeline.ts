import type { MediaPacket } from '../media/types.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';

/** A packet's place on the time line of a session. */
export interface Placed {
  /** With the offset of earlier passes; null where the packet has none. */
  readonly pts: number | null;
  readonly dts: number | null;
  /** When the unit is due, in seconds after the session's first unit. */
  readonly decodeSeconds: number;
  /** PTS in seconds, as the file counts; estimated where the packet has none. */
  readonly pictureSeconds: number;
}

/** Lays the passes of a looping file end to end and gives packets without time stamps an estimated place. */
export interface Timeline {
  place(packet: MediaPacket): Placed;
  /** The next packet is the first one again. */
  endPass(): void;
}

const DEFAULT_RATE_HZ = 25;

/** Starts a time line for a stream; `rateHz` is used where neither packets nor parameters say how long a picture lasts. */
export function timeline(parameters: StreamParameters, rateHz: number | undefined): Timeline {
  const { num, den } = parameters.timeBase;
  const nominal = den / (num * (parameters.frameRate > 0 ? parameters.frameRate : rateHz ?? DEFAULT_RATE_HZ));
  let offset = 0;
  let sessionStart: number | null = null;
  /** Of the pass under way, in the file's own time. */
  let pass: { decodeStart: number; pictureStart: number; lastDecode: number; end: number } | null = null;
  return {
    place(packet) {
      const duration = packet.duration > 0 ? packet.duration : nominal;
      const next = pass === null ? 0 : pass.lastDecode + duration;
      const decode = packet.dts ?? packet.pts ?? next;
      const picture = packet.pts ?? packet.dts ?? next;
      pass ??= { decodeStart: decode, pictureStart: picture, lastDecode: decode, end: 0 };
      pass.lastDecode = decode;
      pass.end = Math.max(pass.end, picture + duration - pass.pictureStart, decode + duration - pass.decodeStart);
      sessionStart ??= decode;
      return {
        pts: packet.pts === null ? null : packet.pts + offset,
        dts: packet.dts === null ? null : packet.dts + offset,
        decodeSeconds: (decode + offset - sessionStart) * num / den,
        pictureSeconds: (picture + offset) * num / den,
      };
    },
    endPass() {
      offset += Math.ceil(pass?.end ?? 0);
      pass = null;
    },
  };
}
