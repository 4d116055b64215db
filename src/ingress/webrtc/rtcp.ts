/** A feedback message (RFC 4585, section 6.1). */
export interface Feedback {
  /** FMT. */
  readonly count: number;
  /** 205: transport layer, 206: payload specific. */
  readonly type: 205 | 206;
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly body: Buffer;
}

/** The bytes of a feedback message, filled up with zeros to whole words. */
export function rtcpPacket({ count, type, senderSsrc, mediaSsrc, body }: Feedback): Buffer {
  const words = 2 + Math.ceil(body.length / 4);
  const bytes = Buffer.alloc(4 + words * 4);
  bytes.writeUInt8(0x80 | count, 0);
  bytes.writeUInt8(type, 1);
  bytes.writeUInt16BE(words, 2);
  bytes.writeUInt32BE(senderSsrc, 4);
  bytes.writeUInt32BE(mediaSsrc, 8);
  body.copy(bytes, 12);
  return bytes;
}

/** Asks for a key picture: Picture Loss Indication (RFC 4585, section 6.3.1). */
export function pictureLoss(senderSsrc: number, mediaSsrc: number): Buffer {
  return rtcpPacket({ count: 1, type: 206, senderSsrc, mediaSsrc, body: Buffer.alloc(0) });
}

/** Asks for packets again: Generic NACK (RFC 4585, section 6.2.1), each entry a sequence number and a mask of the 16 behind it. */
export function genericNack(senderSsrc: number, mediaSsrc: number, sequences: readonly number[]): Buffer {
  const entries: { readonly first: number; mask: number }[] = [];
  for (const sequence of sequences) {
    const last = entries.at(-1);
    const behind = last === undefined ? 0 : (sequence - last.first) & 0xffff;
    if (last !== undefined && behind >= 1 && behind <= 16) last.mask |= 1 << (behind - 1);
    else entries.push({ first: sequence, mask: 0 });
  }
  const body = Buffer.alloc(entries.length * 4);
  entries.forEach(({ first, mask }, index) => {
    body.writeUInt16BE(first, index * 4);
    body.writeUInt16BE(mask, index * 4 + 2);
  });
  return rtcpPacket({ count: 1, type: 205, senderSsrc, mediaSsrc, body });
}

/** Bounds the sender's rate: Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb-03, section 2.2): 6 bits of exponent, 18 of mantissa. */
export function bitrateLimit(senderSsrc: number, mediaSsrc: number, bitsPerSecond: number): Buffer {
  const exponent = Math.max(0, Math.ceil(Math.log2((bitsPerSecond + 1) / 2 ** 18)));
  const mantissa = Math.floor(bitsPerSecond / 2 ** exponent);
  const body = Buffer.alloc(12);
  body.write('REMB', 0, 'latin1');
  body.writeUInt8(1, 4);
  body.writeUIntBE(exponent * 2 ** 18 + mantissa, 5, 3);
  body.writeUInt32BE(mediaSsrc, 8);
  return rtcpPacket({ count: 15, type: 206, senderSsrc, mediaSsrc: 0, body });
}
