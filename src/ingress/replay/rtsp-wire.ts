import { PlatformError } from '../../engine/errors.ts';

/** What comes on an RTSP connection (RFC 2326). Header names are lower case; of headers that repeat, all values. */
export type RtspItem =
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string; readonly headers: RtspHeaders; readonly body: Uint8Array }
  /** The server asks something of the client. */
  | { readonly kind: 'request'; readonly method: string; readonly headers: RtspHeaders }
  /** Bytes of a channel between messages (section 10.12). Owned by the reader of the item. */
  | { readonly kind: 'packet'; readonly channel: number; readonly payload: Uint8Array };

/** Header fields by lower-case name. */
export type RtspHeaders = ReadonlyMap<string, readonly string[]>;

/** Bytes of a message before its body. */
const HEAD_MAX = 32 << 10;
const HEADERS_MAX = 128;
const BODY_MAX = 1 << 20;
const DOLLAR = 0x24;
const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const ANSWER = /^RTSP\/1\.\d ([1-9]\d{2})(?: (.*))?$/;
const REQUEST = /^([A-Z_]{1,32}) \S+ RTSP\/1\.\d$/;

/** Takes the bytes of a connection apart, however they are cut. Holds no more than one message or packet. */
export class RtspWire {
  #held: Buffer = EMPTY;
  /** What came since, and how much there must be before it is worth looking again: a packet that comes byte by byte is put together once. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #needed = 0;
  /** How far the head under way was searched for its end. */
  #searched = 0;

  /** Bytes that wait for the rest of their message. */
  get heldBytes(): number { return this.#held.length + this.#pieceBytes; }

  /** The items that are complete with these bytes, in order; the bytes are the wire's from then on. @throws PlatformError SOURCE_UNREACHABLE for bytes that are no RTSP: nothing can be read behind them */
  take(bytes: Uint8Array): readonly RtspItem[] {
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    if (this.heldBytes < this.#needed) return [];
    this.#held = this.#held.length === 0 && this.#pieces.length === 1 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.concat([this.#held, ...this.#pieces]);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#needed = 0;
    const items: RtspItem[] = [];
    for (let item = this.#next(); item !== undefined; item = this.#next()) if (item !== 'blank') items.push(item);
    return items;
  }

  #next(): RtspItem | 'blank' | undefined {
    const held = this.#held;
    if (held.length === 0) return undefined;
    if (held[0] === DOLLAR) return this.#packet();
    if (held[0] === 0x0d || held[0] === 0x0a) { // blank lines between messages (RFC 2326 section 4.1)
      this.#drop(1);
      return 'blank';
    }
    const end = held.subarray(0, HEAD_MAX).indexOf(HEAD_END, this.#searched);
    if (end < 0) {
      if (held.length >= HEAD_MAX) throw senseless(`a message whose head is longer than ${HEAD_MAX} bytes`);
      if (!isText(held)) throw senseless('bytes that are no RTSP');
      this.#searched = Math.max(0, held.length - HEAD_END.length + 1);
      return undefined;
    }
    return this.#message(end);
  }

  #packet(): RtspItem | undefined {
    const held = this.#held;
    if (held.length < 4) return undefined;
    const size = held.readUInt16BE(2);
    if (held.length < 4 + size) {
      this.#needed = 4 + size;
      return undefined;
    }
    const payload = new Uint8Array(held.subarray(4, 4 + size));
    const channel = held[1] ?? 0;
    this.#drop(4 + size);
    return { kind: 'packet', channel, payload };
  }

  #message(end: number): RtspItem | undefined {
    const held = this.#held;
    const [first = '', ...lines] = held.subarray(0, end).toString('latin1').split('\r\n');
    const answer = ANSWER.exec(first);
    const request = answer === null ? REQUEST.exec(first) : null;
    if (answer === null && request === null) throw senseless(`'${first.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?')}' instead of RTSP`);
    const headers = headersOf(lines);
    const length = Number(headers.get('content-length')?.[0] ?? 0);
    if (!Number.isInteger(length) || length < 0 || length > BODY_MAX) throw senseless('a message of no sensible length');
    const from = end + HEAD_END.length;
    if (held.length < from + length) {
      this.#needed = from + length;
      return undefined;
    }
    const body = new Uint8Array(held.subarray(from, from + length));
    this.#drop(from + length);
    if (request !== null) return { kind: 'request', method: request[1] ?? '', headers };
    return { kind: 'answer', status: Number(answer?.[1]), reason: (answer?.[2] ?? '').trim(), headers, body };
  }

  #drop(size: number): void {
    this.#held = this.#held.subarray(size);
    this.#searched = 0;
  }
}

function headersOf(lines: readonly string[]): RtspHeaders {
  if (lines.length > HEADERS_MAX) throw senseless(`a message of ${lines.length} header lines`);
  const headers = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of lines) {
    if (/^[ \t]/.test(line) && last !== undefined) { // a folded line (RFC 2068 section 2.2)
      last.push(`${last.pop() ?? ''} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    last = headers.get(name) ?? [];
    last.push(line.slice(colon + 1).trim());
    headers.set(name, last);
  }
  return headers;
}

/** The beginning of a message is text; told early, so that nobody waits for the end of a head that is none. */
function isText(bytes: Buffer): boolean {
  return bytes.subarray(0, 64).every(byte => byte === 9 || byte === 10 || byte === 13 || (byte >= 0x20 && byte !== 0x7f));
}

function senseless(what: string): PlatformError {
  return new PlatformError('SOURCE_UNREACHABLE', `the device sent ${what}`, {});
}
