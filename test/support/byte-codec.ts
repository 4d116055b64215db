import type { Codec } from '../../src/transports/ipc-types.ts';

/** A numbered block of bytes. */
export interface Block { readonly id: number; readonly bytes: Uint8Array }

/** Makes a block whose bytes all hold the low byte of its number. */
export function block(id: number, sizeBytes = 100): Block {
  return { id, bytes: new Uint8Array(sizeBytes).fill(id & 0xff) };
}

/** True when the bytes are those `block` wrote. */
export function isIntact({ id, bytes }: Block): boolean {
  return bytes.every(byte => byte === (id & 0xff));
}

/** Codec of blocks. */
export const blockCodec: Codec<Block> = {
  encode({ id, bytes }) {
    const head = Buffer.alloc(8);
    head.writeDoubleLE(id);
    return { head, payload: bytes };
  },
  decode: (head, payload) => ({ id: Buffer.from(head).readDoubleLE(0), bytes: payload }),
};
