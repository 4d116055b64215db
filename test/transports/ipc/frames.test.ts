import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { seededRandom } from '../../../src/engine/seeded-random.ts';
import { FieldReader, FRAME, FrameDecoder, MAX_FRAME_BYTES, numbersFrame, startFrame } from '../../../src/transports/ipc/frames.ts';

const isLinkInvalid = (error: unknown): boolean => error instanceof PlatformError && error.code === 'LINK_INVALID';

test('frames come out as they went in, however the bytes are cut', () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round += 1) {
    const frames = Array.from({ length: 20 }, () => numbersFrame(1 + Math.floor(random.next() * 15), [7], Buffer.alloc(Math.floor(random.next() ** 3 * 5000), round)));
    const bytes = Buffer.concat(frames);
    const got: Buffer[] = [];
    const decoder = new FrameDecoder();
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(random.next() ** 4 * 3000);
      decoder.push(bytes.subarray(at, at + size), frame => { got.push(Buffer.from(frame)); });
      at += size;
    }
    assert.ok(Buffer.concat(got).equals(Buffer.concat(frames.map(frame => frame.subarray(4)))), `seed ${seed}`);
    assert.is(got.length, frames.length);
  }
});

test('a frame within one chunk is a view of it', () => {
  const chunk = numbersFrame(FRAME.credit, [1, 2, 3]);
  new FrameDecoder().push(chunk, frame => {
    assert.is(frame.buffer, chunk.buffer);
    assert.is(frame.byteOffset, chunk.byteOffset + 4);
  });
});

test('random bytes give frames or LINK_INVALID, never another error and never more than the limit', () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 256)));
    if (bytes.length > 3 && random.next() < 0.7) bytes.writeUInt32LE(Math.floor(random.next() * 30), 0);
    try {
      new FrameDecoder().push(bytes, frame => {
        const fields = new FieldReader(frame);
        fields.u32(); fields.f64(); fields.text(fields.u16()); fields.bytes(fields.u32()); fields.u8(); fields.rest();
      });
    } catch (error) {
      refused += 1;
      assert.ok(isLinkInvalid(error), `seed ${seed}: ${String(error)}`);
    }
  }
  assert.ok(refused > 1000);
});

test('refuses frames that are empty or too large, on both sides', () => {
  for (const length of [0, MAX_FRAME_BYTES + 1, 0xffffffff]) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(length);
    assert.throws(() => new FrameDecoder().push(bytes, () => assert.unreachable()), isLinkInvalid);
  }
  assert.throws(() => startFrame(FRAME.item, 10, MAX_FRAME_BYTES), isLinkInvalid);
});

test.run();
