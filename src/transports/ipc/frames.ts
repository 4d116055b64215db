import { PlatformError } from '../../engine/errors.ts';

/*
 * Wire format, all integers little-endian:
 *   frame     := length:u32 type:u8 fields            length counts type and fields
 *   hello     := 'VTOL' version:u8                     first frame of both sides
 *   subscribe := port:u32 items:u32 bytes:u32 topic    port is the receiver's number for its input; items and bytes are the first credit
 *   unsubscribe, attached, end := port:u32
 *   item      := port:u32 seq:f64 capturedAt:f64 keyLength:u16 traceLength:u16 headLength:u32 key trace head payload
 *   ack       := port:u32 { first:f64 count:u32 }
 *   credit    := port:u32 items:u32 bytes:u32          what the sender may send in addition
 *   call   := id:u32 methodLength:u16 method params    params, value, result: v8 serialization
 *   stream := id:u32 methodLength:u16 method values:u32 params      values is the first credit
 *   result, streamEnd := id:u32 isOk:u8 result
 *   cancel    := id:u32     value := id:u32 value     streamCredit := id:u32 values:u32
 */

/** Numbers of the frame types. */
export const FRAME = {
  hello: 1, subscribe: 2, unsubscribe: 3, attached: 4, item: 5, end: 6, ack: 7, credit: 8,
  call: 9, result: 10, cancel: 11, stream: 12, value: 13, streamCredit: 14, streamEnd: 15,
} as const;

/** Bytes of the length field and the type. */
export const FRAME_HEAD = 5;

/** Largest frame that is sent or accepted, in bytes. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Says what about the received bytes does not follow the format. */
export function linkInvalid(message: string): PlatformError {
  return new PlatformError('LINK_INVALID', message);
}

/** Starts a frame of `size` bytes of fields, of which `following` bytes are sent after the buffer. @throws PlatformError LINK_INVALID when too large */
export function startFrame(type: number, size: number, following = 0): Buffer {
  const length = 1 + size + following;
  if (length > MAX_FRAME_BYTES) throw linkInvalid(`a frame of ${length} bytes is larger than ${MAX_FRAME_BYTES}`);
  const frame = Buffer.allocUnsafe(FRAME_HEAD + size);
  frame.writeUInt32LE(length, 0);
  frame.writeUInt8(type, 4);
  return frame;
}

/** A frame whose fields are 32-bit numbers and, at the end, bytes. */
export function numbersFrame(type: number, numbers: readonly number[], tail?: Uint8Array): Buffer {
  const frame = startFrame(type, numbers.length * 4 + (tail?.length ?? 0));
  let at = FRAME_HEAD;
  for (const number of numbers) at = frame.writeUInt32LE(number, at);
  if (tail !== undefined) frame.set(tail, at);
  return frame;
}

/** A frame that names a method and carries its parameters. */
export function methodFrame(type: number, id: number, method: string, params: Uint8Array): Buffer {
  const name = Buffer.from(method);
  const frame = startFrame(type, 6 + name.length + params.length);
  frame.writeUInt32LE(id, FRAME_HEAD);
  frame.writeUInt16LE(name.length, FRAME_HEAD + 4);
  frame.set(name, FRAME_HEAD + 6);
  frame.set(params, FRAME_HEAD + 6 + name.length);
  return frame;
}

/** A frame that ends a call or stream. */
export function resultFrame(type: number, id: number, isOk: boolean, result: Uint8Array): Buffer {
  const frame = startFrame(type, 5 + result.length);
  frame.writeUInt32LE(id, FRAME_HEAD);
  frame.writeUInt8(isOk ? 1 : 0, FRAME_HEAD + 4);
  frame.set(result, FRAME_HEAD + 5);
  return frame;
}

/** Reads the fields of a frame in order. Every method @throws PlatformError LINK_INVALID when the frame is too short */
export class FieldReader {
  readonly #frame: Buffer;
  #at = 1;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  u8(): number { return this.#frame.readUInt8(this.#advance(1)); }
  u16(): number { return this.#frame.readUInt16LE(this.#advance(2)); }
  u32(): number { return this.#frame.readUInt32LE(this.#advance(4)); }
  f64(): number { return this.#frame.readDoubleLE(this.#advance(8)); }
  text(length: number): string { const at = this.#advance(length); return this.#frame.toString('utf8', at, at + length); }
  bytes(length: number): Buffer { const at = this.#advance(length); return this.#frame.subarray(at, at + length); }
  left(): number { return this.#frame.length - this.#at; }
  rest(): Buffer { return this.bytes(this.left()); }

  #advance(length: number): number {
    const at = this.#at;
    if (at + length > this.#frame.length) throw linkInvalid(`a frame of type ${this.#frame[0] ?? 0} and ${this.#frame.length} bytes ends within its fields`);
    this.#at = at + length;
    return at;
  }
}

/** Cuts a byte stream into frames. A frame that lies within one chunk is a view of it; one that spans chunks is copied once. */
export class FrameDecoder {
  readonly #length = Buffer.alloc(4);
  #lengthHave = 0;
  #frame: Buffer | undefined;
  #have = 0;

  /** Calls `onFrame` with type and fields of each frame that is complete. @throws PlatformError LINK_INVALID; what `onFrame` throws */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        const taken = chunk.copy(this.#frame, this.#have, at);
        at += taken;
        this.#have += taken;
        if (this.#have < this.#frame.length) return;
        const whole = this.#frame;
        this.#frame = undefined;
        onFrame(whole);
        continue;
      }
      const taken = chunk.copy(this.#length, this.#lengthHave, at, at + 4 - this.#lengthHave);
      at += taken;
      this.#lengthHave += taken;
      if (this.#lengthHave < 4) return;
      this.#lengthHave = 0;
      const length = this.#length.readUInt32LE(0);
      if (length < 1 || length > MAX_FRAME_BYTES) throw linkInvalid(`a frame of ${length} bytes; 1 to ${MAX_FRAME_BYTES} are allowed`);
      if (chunk.length - at >= length) {
        at += length;
        onFrame(chunk.subarray(at - length, at));
      } else {
        this.#frame = Buffer.allocUnsafeSlow(length);
        this.#have = 0;
      }
    }
  }
}
