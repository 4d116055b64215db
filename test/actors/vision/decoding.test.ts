import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodingOf } from '../../../actors/vision/decoding.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { DeviceProbe } from '../../../src/media/index.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { FakeDevice } from '../../support/fake-device.ts';

const CLIP = encodeClip('h264', { frames: 2, size: '64x64' });
const ABSENT: DeviceProbe = { device: undefined, reason: 'no CUDA device opens: unknown error occurred' };

/** Decodes a stream of two cameras each in a process whose probe finds `probe`. */
async function decode(wanted: 'auto' | 'software' | 'nvdec', provider: string, probe: DeviceProbe) {
  const telemetry = createRecorder({ process: 'vision-0', hasProcessMetrics: false });
  const said: string[] = [];
  const log = { warn: (fields: object, text: string) => said.push(`warn ${text} ${JSON.stringify(fields)}`), info: (_fields: object, text: string) => said.push(`info ${text}`) };
  let probes = 0;
  const create = decodingOf(wanted, provider, { log: log as never, telemetry }, () => { probes += 1; return probe; });
  let pictures = 0;
  for (const camera of ['north', 'south'] as CameraId[]) {
    const decoder = await create(CLIP.parameters, camera);
    for (const [frameSeq, unit] of CLIP.units.entries()) for (const picture of decoder.decode({ frameSeq, ...unit })) { picture.free(); pictures += 1; }
    for (const picture of decoder.flush()) { picture.free(); pictures += 1; }
    decoder.close();
  }
  return { probes, pictures, said, fallbacks: sumOf([await telemetry.snapshot()], 'visutility_decoder_fallbacks_total') };
}

test('a device is looked for where the model runs on such a card, or where it is asked for, once a process', async () => {
  for (const [wanted, provider, probes] of [['auto', 'cpu', 0], ['auto', 'cuda', 1], ['auto', 'tensorrt', 1], ['software', 'cuda', 0], ['nvdec', 'cpu', 1]] as const) {
    assert.is((await decode(wanted, provider, { device: new FakeDevice('takes') })).probes, probes, `${wanted} ${provider}`);
  }
});

test('where the device is there, every stream is decoded on it', async () => {
  const { said, pictures, fallbacks } = await decode('auto', 'cuda', { device: new FakeDevice('takes') });
  assert.equal([said, pictures, fallbacks], [['info video is decoded on a device'], 4, 0]);
});

test('where none is there, the processor decodes and the process says why, once', async () => {
  const { said, pictures, fallbacks } = await decode('nvdec', 'cpu', ABSENT);
  assert.equal([said, pictures, fallbacks], [['warn video is decoded on the processor {"wanted":"nvdec","used":"software","reason":"no CUDA device opens: unknown error occurred"}'], 4, 0]);
});

test('a stream that the device refuses is decoded on the processor: one warning and one count each', async () => {
  const { said, pictures, fallbacks } = await decode('auto', 'cuda', { device: new FakeDevice('refuses-stream') });
  assert.equal([pictures, fallbacks], [4, 2]);
  assert.equal(said.filter(line => line.startsWith('warn a stream is decoded on the processor')).map(line => /"camera":"(\w+)"/.exec(line)?.[1]), ['north', 'south']);
});

test.run();
