import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { FrameDecoder, Picture } from '../../src/media/types.ts';
import type { LibavCodec } from '../../src/media/libav.ts';
import { type EncodedClip, encodeClip } from '../support/encoded-clip.ts';

const scaler = createScaler({ width: 8, height: 8, fit: 'stretch', align: 'center', padValue: 0, channels: 'gray' });

/** A clip in which picture n has a brightness of its own. */
function steppedClip(codec: LibavCodec, frames: number, bFrames: number): EncodedClip {
  return encodeClip(codec, { frames, bFrames, gop: 12, size: '64x64', graph: "nullsrc=size=64x64:rate=25,geq=lum='24+N*8':cb=128:cr=128" });
}

/** The number of the picture, in presentation order, told from its brightness: video range expanded to 0..255. */
function numberOf(picture: Picture): number {
  const level = scaler.scale(picture).pixels[27] ?? 0;
  return Math.round((level * 219 / 255 + 16 - 24) / 8);
}

function decodeAll(decoder: FrameDecoder, units: EncodedClip['units']): { seq: number; shown: number }[] {
  const out: { seq: number; shown: number }[] = [];
  const take = (pictures: readonly Picture[]): void => {
    for (const picture of pictures) {
      out.push({ seq: picture.frameSeq, shown: numberOf(picture) });
      picture.free();
    }
  };
  units.forEach((unit, frameSeq) => take(decoder.decode({ frameSeq, ...unit })));
  take(decoder.flush());
  decoder.close();
  return out;
}

for (const [codec, bFrames] of [['h264', 0], ['h264', 3], ['hevc', 3], ['av1', 0], ['vp8', 0], ['vp9', 0], ['mpeg4', 2]] as const) {
  for (const threads of [1, 2]) {
    test(`${codec} with ${bFrames} B-frames on ${threads} thread(s): each picture bears the number of its own unit, in presentation order`, async () => {
      const { parameters, units } = steppedClip(codec, 26, bFrames);
      const decoded = decodeAll(await createDecoder(parameters, { threads }), units);
      const order = units.map((unit) => unit.pts! / 1200);
      assert.equal(decoded.map(({ shown }) => shown), Array.from({ length: 26 }, (_, index) => index));
      assert.equal(decoded.map(({ seq }) => order[seq]), decoded.map(({ shown }) => shown));
    });
  }
}

test('a unit without B-frames gives its picture at once on one thread', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 5, options: { tune: 'zerolatency' } });
  const decoder = await createDecoder(parameters, { threads: 1 });
  for (const [frameSeq, unit] of units.entries()) {
    const pictures = decoder.decode({ frameSeq, ...unit });
    assert.equal(pictures.map((picture) => picture.frameSeq), [frameSeq]);
    for (const picture of pictures) picture.free();
  }
  decoder.close();
});

test('follows a change of the picture size in the stream', async () => {
  const clips = ['160x96', '320x192'].map((size) => encodeClip('h264', { frames: 4, size, options: { flags: '-global_header' } }));
  const decoder = await createDecoder({ ...clips[0]!.parameters, framing: 'annexb', extradata: new Uint8Array(0) }, { threads: 1 });
  const shape = createScaler({ width: 64, height: 64, fit: 'letterbox', align: 'center', padValue: 9, channels: 'rgb' });
  const pictures = clips.flatMap((clip) => clip.units).flatMap((unit, frameSeq) => [...decoder.decode({ frameSeq, ...unit })]).concat(decoder.flush());
  assert.equal(pictures.map((picture) => picture.width), [160, 160, 160, 160, 320, 320, 320, 320]);
  assert.equal(pictures.map((picture) => shape.scale(picture).sourceWidth), [160, 160, 160, 160, 320, 320, 320, 320]);
  for (const picture of pictures) picture.free();
  shape.close();
  decoder.close();
});

test('after a flush it waits for a key frame', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 20, gop: 10 });
  const decoder = await createDecoder(parameters, { threads: 1 });
  const seen = (from: number, to: number): number[] => units.slice(from, to).flatMap((unit, index) => [...decoder.decode({ frameSeq: from + index, ...unit })]).map((picture) => {
    picture.free();
    return picture.frameSeq;
  });
  assert.equal([...seen(0, 3), ...decoder.flush().map((picture) => picture.frameSeq)], [0, 1, 2]);
  assert.equal(seen(3, 10), []);
  assert.equal([...seen(10, 13), ...decoder.flush().map((picture) => picture.frameSeq)], [10, 11, 12]);
  decoder.close();
});

test('a refused unit is MEDIA_CORRUPT, and decoding goes on', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 30, gop: 10 });
  const decoder = await createDecoder(parameters, { threads: 1 });
  const seen: number[] = [];
  const codes: string[] = [];
  for (const [frameSeq, unit] of units.entries()) {
    const data = frameSeq === 5 ? Uint8Array.from(unit.data, (byte, index) => (index < 5 ? byte : 0xff)) : unit.data;
    try {
      for (const picture of decoder.decode({ ...unit, frameSeq, data })) {
        seen.push(picture.frameSeq);
        picture.free();
      }
    } catch (error) {
      assert.instance(error, PlatformError);
      codes.push((error as PlatformError).code);
      assert.match((error as PlatformError).message, 'frame 5');
    }
  }
  for (const picture of decoder.flush()) {
    seen.push(picture.frameSeq);
    picture.free();
  }
  assert.equal(codes, ['MEDIA_CORRUPT']);
  assert.equal(seen.filter((frameSeq) => frameSeq >= 10), units.slice(10).map((_, index) => index + 10));
  decoder.close();
});

test('empty units and calls after close do nothing', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 1 });
  const decoder = await createDecoder(parameters, { threads: 1 });
  assert.equal(decoder.decode({ frameSeq: 0, data: new Uint8Array(0), isKey: true }), []);
  decoder.close();
  decoder.close();
  assert.equal(decoder.decode({ frameSeq: 0, ...units[0]! }), []);
  assert.equal(decoder.flush(), []);
});

test('a picture used after free is refused in JavaScript, not in native code', async () => {
  const { parameters, units } = encodeClip('png', { frames: 1 });
  const decoder = await createDecoder(parameters, { threads: 1 });
  const [picture] = [...decoder.decode({ frameSeq: 0, ...units[0]! }), ...decoder.flush()];
  picture!.free();
  picture!.free();
  assert.throws(() => scaler.scale(picture!), /after free/);
  decoder.close();
});

test('parameters that no decoder accepts are MEDIA_INVALID or decode nothing', async () => {
  const broken = { ...encodeClip('h264', { frames: 1 }).parameters, framing: 'length-prefixed', extradata: Uint8Array.of(1, 100, 0, 31, 0xff, 0xff, 0xff, 0xff) } as const;
  const code = await createDecoder(broken, { threads: 1 }).then((decoder) => { decoder.close(); return 'MEDIA_INVALID'; }, (error: PlatformError) => error.code);
  assert.is(code, 'MEDIA_INVALID');
});

test('mangled streams of every codec end in pictures or named errors, never in a crash', async () => {
  const seed = 1 + Math.floor(performance.timeOrigin) % 1_000_000;
  const child = fork(new URL('../support/mangled-streams-child.ts', import.meta.url), [String(seed), '12'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let outcome = { pictures: 0, refused: 0, foreign: -1 };
  child.on('message', (message) => { outcome = message as typeof outcome; }); // our child sends nothing else
  const [code, signal] = await once(child, 'exit');
  assert.equal([code, signal], [0, null], `seed ${seed}`);
  assert.is(outcome.foreign, 0, `seed ${seed}`);
  assert.ok(outcome.pictures > 100 && outcome.refused > 20, `seed ${seed}: ${JSON.stringify(outcome)}`);
});

test.after(() => scaler.close());
test.run();
