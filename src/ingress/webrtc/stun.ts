import { createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { crc32 } from 'node:zlib';

/** STUN (RFC 8489) as far as ICE-lite needs it: binding requests and the answers to them. */

const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
const FAILURE = 0x0111;
const USERNAME = 0x0006;
const INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const XOR_MAPPED_ADDRESS = 0x0020;
const USE_CANDIDATE = 0x0025;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLED = 0x8029;

/** Where a datagram came from, or goes to. */
export interface UdpAddress { readonly address: string; readonly port: number }

/** A binding request (RFC 8445, section 7.3). */
export interface BindingRequest {
  readonly transactionId: Buffer;
  /** `ufrag of the one asked:ufrag of the one who asks`. */
  readonly username: string;
  /** The sender chose this way to be used. */
  readonly isNominating: boolean;
  /** The sender believes that the other side is in control. */
  readonly isControlled: boolean;
  /** True when whoever sent it knows the password. */
  isSignedWith(password: string): boolean;
}

/** True for what may be STUN among the datagrams of a WebRTC socket (RFC 7983, section 7). */
export function isStun(datagram: Buffer): boolean {
  return datagram.length >= HEADER_BYTES && (datagram[0] ?? 255) < 4 && datagram.readUInt32BE(4) === MAGIC_COOKIE;
}

/** Reads a binding request; undefined for anything else, and for what is cut short or not signed. */
export function readBindingRequest(datagram: Buffer): BindingRequest | undefined {
  if (!isStun(datagram) || datagram.readUInt16BE(0) !== REQUEST || datagram.readUInt16BE(2) !== datagram.length - HEADER_BYTES) return undefined;
  let username: string | undefined;
  let isNominating = false;
  let isControlled = false;
  for (let at = HEADER_BYTES; at + 4 <= datagram.length;) {
    const type = datagram.readUInt16BE(at);
    const length = datagram.readUInt16BE(at + 2);
    const value = datagram.subarray(at + 4, at + 4 + length);
    if (value.length < length) return undefined;
    if (type === INTEGRITY) {
      if (length !== INTEGRITY_BYTES || username === undefined) return undefined;
      const integrityAt = at;
      return {
        transactionId: datagram.subarray(8, HEADER_BYTES), username, isNominating, isControlled,
        isSignedWith: (password) => timingSafeEqual(value, integrityOf(datagram, integrityAt, password)),
      };
    }
    if (type === USERNAME) username = value.toString('utf8');
    else if (type === USE_CANDIDATE) isNominating = true;
    else if (type === ICE_CONTROLLED) isControlled = true;
    at += 4 + length + (-length & 3);
  }
  return undefined;
}

/** Answers a request: `from` is where it came from. */
export function bindingSuccess(request: BindingRequest, from: UdpAddress, password: string): Buffer {
  return message(SUCCESS, request.transactionId, [[XOR_MAPPED_ADDRESS, xored(from, request.transactionId)]], password);
}

/** Refuses a request whose sender is not in control either: 487 (RFC 8445, section 7.3.1.1). */
export function roleConflict(request: BindingRequest, password: string): Buffer {
  const reason = Buffer.from('Role Conflict', 'utf8');
  return message(FAILURE, request.transactionId, [[ERROR_CODE, Buffer.concat([Buffer.of(0, 0, 4, 87), reason])]], password);
}

function message(type: number, transactionId: Buffer, attributes: readonly (readonly [number, Buffer])[], password: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  transactionId.copy(header, 8);
  const plain = Buffer.concat([header, ...attributes.map(([kind, value]) => attribute(kind, value))]);
  const signed = Buffer.concat([plain, attribute(INTEGRITY, integrityOf(plain, plain.length, password))]);
  signed.writeUInt16BE(signed.length - HEADER_BYTES + 8, 2);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(signed) ^ FINGERPRINT_XOR) >>> 0);
  return Buffer.concat([signed, attribute(FINGERPRINT, fingerprint)]);
}

function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + value.length + (-value.length & 3));
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  value.copy(bytes, 4);
  return bytes;
}

/** HMAC-SHA1 over what is in front of the attribute, with a length as if the message ended behind it (section 14.5). */
function integrityOf(datagram: Buffer, integrityAt: number, password: string): Buffer {
  const covered = Buffer.from(datagram.subarray(0, integrityAt));
  covered.writeUInt16BE(integrityAt - HEADER_BYTES + 4 + INTEGRITY_BYTES, 2);
  return createHmac('sha1', password).update(covered).digest();
}

/** XOR-MAPPED-ADDRESS (section 14.2). */
function xored({ address, port }: UdpAddress, transactionId: Buffer): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(MAGIC_COOKIE, 0);
  transactionId.copy(mask, 4);
  const octets = isIPv6(address) ? ipv6Octets(address) : address.split('.').map(Number);
  const bytes = Buffer.alloc(4 + octets.length);
  bytes.writeUInt8(octets.length === 16 ? 2 : 1, 1);
  bytes.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  octets.forEach((octet, index) => bytes.writeUInt8((octet ^ (mask[index] ?? 0)) & 0xff, 4 + index));
  return bytes;
}

function ipv6Octets(address: string): number[] {
  const plain = new URL(`http://[${address.split('%', 1)[0] ?? ''}]/`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const words = (text: string | undefined): number[] => (text === undefined || text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const first = words(head);
  const last = words(tail);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last].flatMap((word) => [word >> 8, word & 0xff]);
}
