/** What a replay says of an access unit beside its pixels (ONVIF Streaming Specification, "RTP header extension"). */
export interface ReplayMark {
  /** When the picture was taken, by the device's clock: microseconds since the Unix epoch. */
  readonly capturedMicros: number;
  /** C: the unit can be decoded without those before it. */
  readonly isClean: boolean;
  /** E: the last unit of a contiguous piece of recording. */
  readonly isSectionEnd: boolean;
  /** D: the device sent something else before, or left something out. */
  readonly isDiscontinuity: boolean;
  /** T: the last unit of the track. */
  readonly isTrackEnd: boolean;
}

/** An RTP packet (RFC 3550 section 5.1). `payload` is a view. */
export interface RtpPacket {
  readonly payloadType: number;
  readonly isMarked: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
  /** Of the first packet of an access unit; undefined on the others. */
  readonly mark: ReplayMark | undefined;
}

const HEADER_SIZE = 12;
/** Profile identifier of the replay extension; its length counts three words. */
const REPLAY_PROFILE = 0xabac;
const REPLAY_SIZE = 12;
/** Seconds between the NTP epoch (1900) and the Unix epoch (RFC 5905 figure 4). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
/** Seconds of one NTP era: the one that began in 2036 starts at 0 again (RFC 5905 section 6). */
const ERA_SECONDS = 2 ** 32;
/** RTCP BYE (RFC 3550 section 6.6). */
const BYE = 203;

/** Takes a packet apart; undefined when the bytes are none. */
export function rtpPacket(bytes: Uint8Array): RtpPacket | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  if (first >> 6 !== 2) return undefined;
  let at = HEADER_SIZE + 4 * (first & 15);
  let mark: ReplayMark | undefined;
  if ((first & 0x10) !== 0) {
    if (at + 4 > bytes.length) return undefined;
    const profile = view.getUint16(at);
    const size = 4 * view.getUint16(at + 2);
    if (profile === REPLAY_PROFILE && size >= REPLAY_SIZE && at + 4 + REPLAY_SIZE <= bytes.length) mark = markAt(view, at + 4);
    at += 4 + size;
  }
  const padding = (first & 0x20) === 0 ? 0 : view.getUint8(bytes.length - 1);
  const end = bytes.length - padding;
  if (at > end) return undefined;
  const second = view.getUint8(1);
  return {
    payloadType: second & 0x7f, isMarked: (second & 0x80) !== 0, sequence: view.getUint16(2), timestamp: view.getUint32(4), ssrc: view.getUint32(8),
    payload: bytes.subarray(at, end), mark,
  };
}

function markAt(view: DataView, at: number): ReplayMark {
  const said = view.getUint32(at);
  const seconds = said < NTP_TO_UNIX_SECONDS ? said + ERA_SECONDS : said;
  const flags = view.getUint8(at + 8);
  return {
    capturedMicros: (seconds - NTP_TO_UNIX_SECONDS) * 1e6 + Math.round(view.getUint32(at + 4) * 1e6 / 2 ** 32),
    isClean: (flags & 0x80) !== 0, isSectionEnd: (flags & 0x40) !== 0, isDiscontinuity: (flags & 0x20) !== 0, isTrackEnd: (flags & 0x10) !== 0,
  };
}

/** True when a compound RTCP packet (RFC 3550 section 6.1) says that its sender leaves. */
export function saysGoodbye(bytes: Uint8Array): boolean {
  for (let at = 0; at + 4 <= bytes.length; at += 4 + 4 * ((bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0))) {
    if ((bytes[at] ?? 0) >> 6 !== 2) return false;
    if (bytes[at + 1] === BYE) return true;
  }
  return false;
}
