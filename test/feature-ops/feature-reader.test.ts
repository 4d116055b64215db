import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CameraId } from '../../src/engine/units.ts';
import { FeatureReader } from '../../src/feature-ops/feature-reader.ts';
import { FeatureWriter } from '../../src/feature-ops/feature-writer.ts';
import type { FedFeature, FeatureTensor } from '../../src/messages/feature-tensor.ts';
import { fedFeatureCodec } from '../../src/messages/fed-feature-codec.ts';
import type { Feature } from '../../src/messages/feature.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import { envelope } from '../support/envelopes.ts';
import { frameFeature, noisyPixels, SMALL_SHAPE, stillPixels } from '../support/model-frames.ts';

const pixels = noisyPixels();

/** Five frames of a camera, the first of them whole. */
async function fiveTensors(feed = 1): Promise<readonly FeatureTensor[]> {
  const writer = new FeatureWriter('bgr', () => {});
  await writer.open();
  const out = await writer.process(Array.from({ length: 5 }, (_, index) => envelope<Feature>(frameFeature(index, stillPixels(pixels, index), { feed }))));
  await writer.close();
  return out.flatMap(({ body }) => ('payload' in body ? [body] : []));
}

interface How { readonly isAccounted?: boolean; readonly isStale?: boolean; readonly feed?: number }

/** A reader, and what it said of each tensor it was given. */
async function openReader() {
  const refused: string[] = [];
  const reader = new FeatureReader(SMALL_SHAPE, ({ code }, camera) => { refused.push(`${camera} ${code}`); });
  await reader.open();
  const read = async (tensor: FeatureTensor, { isAccounted = false, isStale = false, feed = 1 }: How = {}): Promise<string> => {
    const part: FedFeature = { camera: tensor.camera, tensor, isAccounted, isRecovered: false, feed };
    const out = await reader.process([envelope({ part, isStale, receivedAtMs: 9 })]);
    return out.map(({ body }) => (body.kind === 'frame' ? `frame ${body.frameSeq} of feed ${body.feed} at ${body.readyAtMs}` : `${body.reason} ${body.from}-${body.to}`)).join();
  };
  return { read, refused, close: () => reader.close() };
}

test('each feature ends as its frame; one whose record exists gives nothing, and later ones differ from it all the same', async () => {
  const { read, close } = await openReader();
  const [a, b, c, d] = await fiveTensors() as [FeatureTensor, FeatureTensor, FeatureTensor, FeatureTensor];
  assert.is(await read(a, { isAccounted: true }), '');
  assert.is(await read(b), 'frame 1 of feed 1 at 9');
  assert.is(await read(c, { isStale: true }), 'stale 2-2');
  assert.is(await read(d), 'frame 3 of feed 1 at 9');
  await close();
});

test('what differs from a frame that was not read ends as undecodable and is told, and nothing of it is said where its record exists', async () => {
  const { read, refused, close } = await openReader();
  const [a, b, c] = await fiveTensors() as [FeatureTensor, FeatureTensor, FeatureTensor];
  assert.is(await read(b, { isAccounted: true }), '');
  assert.is(await read(c), 'undecodable 2-2');
  assert.is(await read({ ...a, encoder: 'hog@1' }), 'undecodable 0-0');
  assert.equal(refused, ['cam BASE_MISSING', 'cam BASE_MISSING', 'cam RECORD_INVALID']);
  assert.is(await read(a), 'frame 0 of feed 1 at 9', 'the next whole one is read');
  await close();
});

test('a camera that starts over forgets what was read, and what is left of an earlier feed is ignored', async () => {
  const { read, close } = await openReader();
  const [a, b, c] = await fiveTensors() as [FeatureTensor, FeatureTensor, FeatureTensor];
  await read(a);
  assert.is(await read(b, { feed: 2 }), 'undecodable 1-1', 'its base belongs to the feed before');
  assert.is(await read(a, { feed: 1 }), '');
  assert.is(await read(a, { feed: 2 }), 'frame 0 of feed 2 at 9');
  assert.is(await read(b, { feed: 2 }), 'frame 1 of feed 2 at 9');
  assert.is(await read(c, { feed: 2 }), 'frame 2 of feed 2 at 9');
  await close();
});

test('the writer gives frames back once they are encoded, and lets dropped ones through in their place', async () => {
  const released: ModelFrame[] = [];
  const writer = new FeatureWriter('bgr', (frame) => { released.push(frame); });
  await writer.open();
  const dropped: DroppedRecord = { kind: 'dropped', camera: 'cam' as CameraId, epoch: 1, from: 1, to: 4, reason: 'rate', isIntentional: true, capturedAt: frameFeature(1, pixels).capturedAt };
  const [first, last] = [frameFeature(0, pixels), frameFeature(5, pixels)];
  const out = await writer.process([first, dropped, last].map((body) => envelope<Feature>(body)));
  assert.equal(out.map(({ body }) => ('payload' in body ? body.encoding : body)), ['raw', dropped, 'delta-zstd']);
  assert.equal(released, [first.frame, last.frame]);
  await writer.close();
});

test('a fed feature survives the link', async () => {
  const [, tensor] = await fiveTensors() as [FeatureTensor, FeatureTensor];
  for (const [isAccounted, isRecovered] of [[true, false], [false, true]] as const) {
    const fed: FedFeature = { camera: tensor.camera, tensor, feed: 1_763_900_000_123_456, isAccounted, isRecovered };
    const { head, payload } = fedFeatureCodec.encode(fed);
    const back = fedFeatureCodec.decode(head, payload!);
    assert.equal({ ...back, tensor: { ...back.tensor, payload: [...back.tensor.payload], geometry: { ...back.tensor.geometry } } }, { ...fed, tensor: { ...tensor, payload: [...tensor.payload], geometry: { ...tensor.geometry } } });
  }
  assert.throws(() => fedFeatureCodec.decode(new Uint8Array(3), new Uint8Array(0)), /too short/);
});

test.run();
