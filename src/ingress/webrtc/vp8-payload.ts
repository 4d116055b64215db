import type { JoinedPicture, PayloadFormat } from './payload-format.ts';

/** Begins every key picture, after its frame tag (RFC 6386, section 9.1). */
const START_CODE = [0x9d, 0x01, 0x2a] as const;
const KEY_HEADER_BYTES = 10;

/** VP8 in RTP (RFC 7741). A picture is the bytes of its packets without their descriptors. */
export function vp8Payload(): PayloadFormat {
  return {
    beginsPicture: (payload) => isPictureStart(payload),
    join(payloads) {
      const [first] = payloads;
      if (first === undefined || !isPictureStart(first)) return 'damaged';
      const parts: Uint8Array[] = [];
      for (const [index, payload] of payloads.entries()) {
        const length = descriptorLength(payload);
        if (length === undefined || (index > 0 && isPictureStart(payload))) return 'damaged';
        parts.push(payload.subarray(length));
      }
      return described(new Uint8Array(Buffer.concat(parts)));
    },
    forget() { /* nothing is kept */ },
  };
}

/** The S bit is set and the partition index is 0 (section 4.2). */
function isPictureStart(payload: Uint8Array): boolean {
  return ((payload[0] ?? 0) & 0x17) === 0x10;
}

/** Bytes of the payload descriptor (section 4.2); undefined when no byte of the picture follows it. */
function descriptorLength(payload: Uint8Array): number | undefined {
  const first = payload[0] ?? 0;
  let length = 1;
  if ((first & 0x80) !== 0) {
    const extension = payload[1] ?? 0;
    length = 2;
    if ((extension & 0x80) !== 0) length += ((payload[length] ?? 0) & 0x80) === 0 ? 1 : 2; // picture id of 7 or 15 bits
    if ((extension & 0x40) !== 0) length += 1; // TL0PICIDX
    if ((extension & 0x30) !== 0) length += 1; // TID and KEYIDX share a byte
  }
  return length < payload.length ? length : undefined;
}

function described(data: Uint8Array): JoinedPicture | 'damaged' {
  const isKey = ((data[0] ?? 1) & 1) === 0;
  if (!isKey) return { data, isKey };
  if (data.length < KEY_HEADER_BYTES || START_CODE.some((byte, index) => data[3 + index] !== byte)) return 'damaged';
  const size = { width: ((data[7] ?? 0) & 0x3f) * 256 + (data[6] ?? 0), height: ((data[9] ?? 0) & 0x3f) * 256 + (data[8] ?? 0) };
  return size.width === 0 || size.height === 0 ? 'damaged' : { data, isKey, size };
}
