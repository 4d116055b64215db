import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import type { UnitLayout } from '../../src/media/nal.ts';
import { reframe } from '../../src/media/reframe.ts';
import { nalUnits } from '../../src/media/nal.ts';

const avcc = (lengthSize: number): UnitLayout => ({ codec: 'h264', framing: 'length-prefixed', extradata: Uint8Array.of(1, 0x64, 0, 0x28, 0xfc | (lengthSize - 1), 0xe0, 0) });
const annexb: UnitLayout = { codec: 'h264', framing: 'annexb', extradata: new Uint8Array(0) };

function prefixed(nals: readonly Uint8Array[], lengthSize: number): Uint8Array {
  return new Uint8Array(Buffer.concat(nals.flatMap((nal) => {
    const length = Buffer.alloc(lengthSize);
    length.writeUIntBE(nal.length, 0, lengthSize);
    return [length, nal];
  })));
}

test('length fields of any size become start codes, and the NAL units stay', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (const lengthSize of [1, 2, 3, 4]) {
    for (let round = 0; round < 50; round += 1) {
      const nals = Array.from({ length: 1 + Math.floor(random.next() * 4) }, () => Uint8Array.from({ length: 1 + Math.floor(random.next() * 200) }, () => 1 + Math.floor(random.next() * 255)));
      const unit = prefixed(nals, lengthSize);
      assert.equal(nalUnits(reframe(unit, avcc(lengthSize), annexb), annexb).map((nal) => [...nal]), nals.map((nal) => [...nal]), `seed ${seed}`);
    }
  }
});

test('what has the framing of its source, or none, is the same object', () => {
  const unit = prefixed([Uint8Array.of(0x65, 1, 2)], 4);
  assert.is(reframe(unit, avcc(4), avcc(4)), unit);
  assert.is(reframe(unit, annexb, annexb), unit);
  const raw: UnitLayout = { codec: 'vp9', framing: 'raw', extradata: new Uint8Array(0) };
  assert.is(reframe(unit, raw, raw), unit);
});

test('a damaged length ends the walk without an error', () => {
  const unit = prefixed([Uint8Array.of(0x65, 1, 2)], 4);
  unit[0] = 0xff;
  assert.equal([...reframe(unit, avcc(4), annexb)], [0, 0, 0, 1, 0x65, 1, 2]);
  assert.equal([...reframe(Uint8Array.of(1, 2), avcc(4), annexb)], [1, 2]);
});

test.run();
