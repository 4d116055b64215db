import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { openNvdec } from '../../src/media/nvdec.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { VideoDevice } from '../../src/media/video-device.ts';
import type { FrameShape, ModelFrame } from '../../src/messages/model-frame.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { FakeDevice } from '../support/fake-device.ts';

const SHAPE: FrameShape = { width: 128, height: 128, fit: 'letterbox', align: 'center', padValue: 114, channels: 'rgb' };
/** Smooth, so that scaling in one step or two is the same but for rounding. */
const GRAPH = "nullsrc=size=320x192:rate=25,geq=lum='40+X/2+N':cb='100+Y/4':cr='160-X/5'";

interface Decoded { readonly frames: readonly ModelFrame[]; readonly seqs: readonly number[]; readonly reasons: readonly string[] }

async function decode(device: VideoDevice | undefined, { codec = 'h264', shape = SHAPE }: { codec?: 'h264' | 'vp8'; shape?: FrameShape } = {}): Promise<Decoded> {
  const { parameters, units } = encodeClip(codec, { frames: 12, bFrames: 2, gop: 6, size: '320x192', graph: GRAPH });
  const reasons: string[] = [];
  const decoder = await createDecoder(parameters, { threads: 1, device, onSoftware: reason => reasons.push(reason) });
  const scaler = createScaler(shape);
  const [frames, seqs]: [ModelFrame[], number[]] = [[], []];
  for (let frameSeq = 0; frameSeq <= units.length; frameSeq += 1) {
    const unit = units[frameSeq];
    for (const picture of unit ? decoder.decode({ frameSeq, ...unit }) : decoder.flush()) {
      frames.push(scaler.scale(picture));
      seqs.push(picture.frameSeq);
      picture.free();
    }
  }
  scaler.close();
  decoder.close();
  return { frames, seqs, reasons };
}

function farthest(a: ModelFrame, b: ModelFrame): number {
  return a.pixels.reduce((most, value, index) => Math.max(most, Math.abs(value - b.pixels[index]!)), 0);
}

test('a device\'s pictures come to the host at the size of the model, and make the same frames', async () => {
  const device = new FakeDevice('takes');
  const [plain, onDevice] = [await decode(undefined), await decode(device)];
  assert.equal(onDevice.reasons, []);
  assert.equal(onDevice.seqs, plain.seqs);
  assert.is(onDevice.frames.length, 12);
  assert.equal(device.fetched, Array.from({ length: 12 }, () => ({ width: 128, height: 77, left: 0, top: 25 })));
  for (const [index, frame] of onDevice.frames.entries()) {
    assert.equal({ ...frame, pixels: 0 }, { ...plain.frames[index]!, pixels: 0 }, 'where the picture lies, and its size at the source');
    assert.ok(farthest(frame, plain.frames[index]!) <= 6, `colours differ by ${farthest(frame, plain.frames[index]!)}`); // 8 bits between two steps, and chroma of half the size
  }
  assert.is(device.open, 0, 'the stream was closed with its decoder');
});

test('a picture that is to be averaged comes whole: a device reads four pixels', async () => {
  const device = new FakeDevice('takes');
  const { frames } = await decode(device, { shape: { ...SHAPE, sampling: 'average' } });
  assert.equal(device.fetched, Array.from({ length: 12 }, () => undefined));
  assert.equal({ ...frames[0]!, pixels: 0 }, { ...(await decode(undefined)).frames[0]!, pixels: 0 });
});

for (const [conduct, reason] of [['refuses-stream', /^the device refuses this h264 stream/], ['refuses-open', /^fake does not open this h264 stream/]] as const) {
  test(`a stream that a device ${conduct === 'refuses-open' ? 'does not open' : 'turns out not to take'} is decoded on the processor, told once, and loses nothing`, async () => {
    const device = new FakeDevice(conduct);
    const [plain, fallen] = [await decode(undefined), await decode(device)];
    assert.is(fallen.reasons.length, 1);
    assert.match(fallen.reasons[0]!, reason);
    assert.equal(fallen.seqs, plain.seqs);
    assert.equal(fallen.frames.map(frame => farthest(frame, plain.frames[fallen.frames.indexOf(frame)]!)), Array.from({ length: 12 }, () => 0));
    assert.equal([device.fetched.length, device.open], [0, 0]);
  });
}

test('a codec that a device does not know never reaches it, which is told', async () => {
  const device = new FakeDevice('takes');
  const { frames, reasons } = await decode(device, { codec: 'vp8' });
  assert.equal([frames.length, reasons], [12, ['fake does not decode vp8']]);
  assert.is(device.fetched.length, 0);
});

test('a device that fails unit after unit is a named error, a damaged unit or two are the stream\'s', async () => {
  const { parameters, units } = encodeClip('h264', { frames: 3, size: '320x192', graph: GRAPH });
  const garbage = new Uint8Array(64).fill(0xff);
  garbage.set([0, 0, 0, 1, 0x65]);
  const codesOf = async (device: FakeDevice): Promise<string[]> => {
    const decoder = await createDecoder(parameters, { threads: 1, device });
    const codes: string[] = [];
    const feed = (frameSeq: number, data: Uint8Array): void => {
      try {
        for (const picture of decoder.decode({ frameSeq, data, isKey: true })) picture.free();
      } catch (error) {
        codes.push((error as PlatformError).code);
      }
    };
    for (let count = 0; count < 10; count += 1) feed(count, garbage);
    feed(10, units[0]!.data);
    for (let count = 11; count < 27; count += 1) feed(count, garbage);
    decoder.close();
    return codes;
  };
  const [healthy, broken] = [new FakeDevice('takes'), new FakeDevice('takes')];
  broken.isBroken = true;
  assert.equal([...new Set(await codesOf(healthy))], ['MEDIA_CORRUPT']);
  const codes = await codesOf(broken);
  assert.equal([codes.indexOf('DEVICE_FAILED'), codes.at(-1)], [codes.length - 1, 'DEVICE_FAILED'], 'a picture in between starts the count over');
});

const nvdec = openNvdec();
const without = nvdec.device === undefined ? test : test.skip;
const within = nvdec.device === undefined ? test.skip : test;

without('without a GPU the probe says so', () => {
  assert.match(nvdec.device === undefined ? nvdec.reason : '', /^no CUDA device opens: /);
});

within('on a GPU the decoder gives the processor\'s pictures', async () => {
  for (const shape of [SHAPE, { ...SHAPE, sampling: 'average' as const }]) {
    const [plain, onDevice] = [await decode(undefined, { shape }), await decode(nvdec.device, { shape })];
    assert.equal([onDevice.reasons, onDevice.seqs], [[], plain.seqs]);
    for (const [index, frame] of onDevice.frames.entries()) assert.ok(farthest(frame, plain.frames[index]!) <= 8, `colours differ by ${farthest(frame, plain.frames[index]!)}`);
  }
});

test.run();
