import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createContentHash } from '../../src/media/content-hash.ts';
import type { UnitLayout } from '../../src/media/nal.ts';

const ANNEXB: UnitLayout = { codec: 'h264', framing: 'annexb', extradata: new Uint8Array(0) };
const PREFIXED: UnitLayout = { codec: 'h264', framing: 'length-prefixed', extradata: Uint8Array.of(1, 100, 0, 31, 0xff, 0xe0, 0) };

test('is SHA-256 over length and bytes of each NAL unit', () => {
  const hash = createContentHash();
  hash.update(Uint8Array.of(0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x65, 0xaa, 0xbb), ANNEXB);
  assert.is(hash.digest(), createHash('sha256').update(Buffer.from('0000000267420000000365aabb', 'hex')).digest('hex'));
});

test('is equal for the Annex-B and the length-prefixed form, whatever the start codes', () => {
  const [annexb, prefixed] = [createContentHash(), createContentHash()];
  annexb.update(Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x65, 0xaa, 0, 0), ANNEXB);
  prefixed.update(Uint8Array.of(0, 0, 0, 2, 0x67, 0x42, 0, 0, 0, 2, 0x65, 0xaa), PREFIXED);
  assert.is(annexb.digest(), prefixed.digest());
});

test('differs for a changed byte, another order and another split', () => {
  const digestOf = (...bytes: readonly number[]): string => {
    const hash = createContentHash();
    hash.update(Uint8Array.from(bytes), PREFIXED);
    return hash.digest();
  };
  const digests = [digestOf(0, 0, 0, 1, 7, 0, 0, 0, 1, 8), digestOf(0, 0, 0, 1, 7, 0, 0, 0, 1, 9), digestOf(0, 0, 0, 1, 8, 0, 0, 0, 1, 7), digestOf(0, 0, 0, 2, 7, 8)];
  assert.is(new Set(digests).size, digests.length);
});

test('may be read while it grows', () => {
  const hash = createContentHash();
  const empty = hash.digest();
  hash.update(Uint8Array.of(0, 0, 1, 0x65), ANNEXB);
  assert.is.not(hash.digest(), empty);
  assert.is(hash.digest(), hash.digest());
});

test.run();
