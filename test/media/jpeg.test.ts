import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { jpegOf } from '../../src/media/jpeg.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { encodeClip } from '../support/encoded-clip.ts';

/** Mean colour of the left and the right half, by libav's decoder of what libav's encoder made. */
async function halves(parameters: StreamParameters, bytes: Uint8Array): Promise<readonly (readonly number[])[]> {
  const decoder = await createDecoder(parameters, { threads: 1 });
  const scaler = createScaler({ width: 16, height: 8, channels: 'rgb', fit: 'stretch', align: 'center', padValue: 0, sampling: 'average' } as Parameters<typeof createScaler>[0]);
  const [picture] = [...decoder.decode({ frameSeq: 0, data: bytes, isKey: true }), ...decoder.flush()];
  const { pixels } = scaler.scale(picture!);
  const mean = (from: number): number[] => [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let y = 0; y < 8; y++) for (let x = from; x < from + 6; x++) sum += pixels[(y * 16 + x) * 3 + channel] ?? 0;
    return sum / 48;
  });
  const result = [mean(1), mean(9)];
  picture!.free();
  scaler.close();
  decoder.close();
  return result;
}

const RED_AND_BLUE = 'color=c=red:size=160x96:rate=25,drawbox=x=80:y=0:w=80:h=96:color=blue:t=fill';

for (const codec of ['h264', 'mjpeg', 'vp9', 'png'] as const) {
  test(`a key frame of ${codec} becomes a JPEG of its colours, as large as it is or smaller`, async () => {
    const { parameters, units } = encodeClip(codec, { frames: 1, graph: RED_AND_BLUE });
    for (const [width, wanted] of [[undefined, [160, 96]], [80, [80, 48]], [4000, [160, 96]]] as const) {
      const made = await jpegOf(parameters, { data: units[0]!.data, frameSeq: 0 }, width);
      assert.equal([made.width, made.height], wanted);
      assert.equal([...made.jpeg.subarray(0, 2), ...made.jpeg.subarray(-2)], [0xff, 0xd8, 0xff, 0xd9]);
      const [left, right] = await halves({ codec: 'mjpeg', width: made.width, height: made.height, extradata: new Uint8Array(0), timeBase: { num: 1, den: 25 }, framing: 'raw', frameRate: 25 }, made.jpeg);
      // Lossy twice, and through 4:2:0: the hue is what counts.
      assert.ok(left![0]! > 180 && left![2]! < 70, `left ${String(left)}`);
      assert.ok(right![2]! > 180 && right![0]! < 70, `right ${String(right)}`);
    }
  });
}

test('what is no picture is refused by name', async () => {
  const { parameters } = encodeClip('h264', { frames: 1 });
  const refusal = await jpegOf(parameters, { data: Uint8Array.of(0, 0, 0, 1, 0x65, 1, 2, 3), frameSeq: 0 }, undefined).then(() => undefined, (error: unknown) => error);
  assert.ok(refusal instanceof PlatformError && refusal.code === 'MEDIA_CORRUPT', String(refusal));
});

test.run();
