import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { CameraEncoders } from '../../src/feature-ops/camera-encoders.ts';
import type { Encoder } from '../../src/feature-ops/encoders/encoder.ts';
import type { EncodingWish } from '../../src/messages/desired-camera.ts';
import type { FrameFeature } from '../../src/messages/feature.ts';
import type { Modality } from '../../src/messages/raster.ts';
import { parameters } from '../support/archive-fixtures.ts';

const A = 'a' as CameraId;
const B = 'b' as CameraId;
const wish = (name: string, options: object = {}): EncodingWish => ({ name, options: { ...options } });

/** Encoders that count their openings and closings; what is opened waits for `gates` by its name. */
class World {
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly forgotten: string[] = [];
  readonly refused: string[] = [];
  readonly gates = new Map<string, Promise<void>>();
  readonly wishes = new Map<CameraId, readonly EncodingWish[]>();
  openReaders = 0;
  failWith: PlatformError | undefined;
  readonly encoders = new CameraEncoders({
    open: async (modality, { name, options }) => this.#open(modality, name, options),
    createReader: () => {
      this.openReaders += 1;
      return { read: (_, size = { width: 4, height: 2 }) => ({ ...size, channels: 1, samples: new Uint8Array(size.width * size.height) }), close: () => { this.openReaders -= 1; } };
    },
    wishesOf: camera => this.wishes.get(camera) ?? [],
    onRefused: (camera, name, { code }) => this.refused.push(`${camera} ${name} ${code}`),
  });

  async #open(modality: Modality, name: string, options: object): Promise<Encoder> {
    this.opened.push(`${name} ${JSON.stringify(options)}`);
    await this.gates.get(name);
    if (name === 'unknown') throw new PlatformError('PLUGIN_UNKNOWN', 'unknown');
    return {
      id: `${name}@1`, modality, shape: [2], size: { width: 4, height: 2 }, provider: 'cpu',
      encode: async () => { if (this.failWith && name === 'picky') throw this.failWith; return [Float32Array.of(1, 2)]; },
      forget: key => this.forgotten.push(`${name} ${key}`), close: async () => { this.closed.push(name); },
    };
  }

  /** What a part with one frame comes to. */
  async frame(camera: CameraId, frameSeq: number, changes: object = {}): Promise<readonly string[]> {
    await this.encoders.settle(camera, { ...parameters, ...changes });
    this.encoders.look(camera, { frameSeq, width: 8, height: 8, free: () => {} });
    const feature: FrameFeature = {
      kind: 'frame', camera, epoch: 1, frameSeq, capturedAt: epochMicros(1e15 + frameSeq), arrivedAt: epochMicros(1e15), ptsSeconds: 0, decodeMs: 1, readyAtMs: 0, feed: 0,
      frame: { pixels: new Uint8Array(0), width: 1, height: 1, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 1, sourceHeight: 1 },
    };
    const encoded = await this.encoders.encode(feature);
    assert.is(encoded.kind, 'frame');
    const tensors = encoded.kind === 'frame' ? encoded.tensors ?? [] : [];
    for (const tensor of tensors) assert.equal([tensor.camera, tensor.frameSeq, tensor.capturedAt, tensor.payload.byteLength], [camera, frameSeq, 1e15 + frameSeq, 8]);
    return tensors.map(({ encoder }) => encoder);
  }
}

test('computes what a camera wants of every frame, and nothing of cameras that want nothing', async () => {
  const world = new World();
  world.wishes.set(A, [wish('hog'), wish('lbp')]);
  assert.equal(await world.frame(A, 0), ['hog@1', 'lbp@1']);
  assert.equal(await world.frame(B, 0), []);
  assert.equal(await world.frame(A, 1), ['hog@1', 'lbp@1']);
  assert.is(world.openReaders, 1);
  await world.encoders.close();
  assert.equal(world.closed.sort(), ['hog', 'lbp']);
  assert.is(world.openReaders, 0);
});

test('goes on with the old encoders until the new ones are loaded, and leaves no frame without', async () => {
  const world = new World();
  world.wishes.set(A, [wish('hog')]);
  await world.frame(A, 0);
  const loaded = Promise.withResolvers<void>();
  world.gates.set('lbp', loaded.promise);
  world.encoders.want(A, [wish('lbp'), wish('motion')]);
  for (let seq = 1; seq < 5; seq++) assert.equal(await world.frame(A, seq), ['hog@1']);
  loaded.resolve();
  await new Promise(resolve => { setImmediate(resolve); });
  for (let seq = 5; seq < 8; seq++) assert.equal(await world.frame(A, seq), ['lbp@1', 'motion@1']);
  assert.equal([world.closed, world.forgotten], [['hog'], ['hog a', 'hog a~backfill']]);
  await world.encoders.close();
});

test('shares an encoder between cameras that want the same, and closes it after the last', async () => {
  const world = new World();
  for (const camera of [A, B]) {
    world.wishes.set(camera, [wish('hog', { cell: 8 })]);
    await world.frame(camera, 0);
  }
  assert.equal(world.opened, ['hog {"cell":8}']);
  world.encoders.want(A, []);
  await world.frame(A, 1);
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal(await world.frame(A, 2), []);
  assert.equal([world.closed, world.openReaders], [[], 1]);
  assert.equal(await world.frame(B, 1), ['hog@1']);
  await world.encoders.close();
  assert.equal(world.closed, ['hog']);
});

test('keeps the encoder, and what it remembers, when only others change', async () => {
  const world = new World();
  world.wishes.set(A, [wish('motion')]);
  await world.frame(A, 0);
  world.encoders.want(A, [wish('motion'), wish('hog')]);
  await world.frame(A, 1);
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal(await world.frame(A, 2), ['motion@1', 'hog@1']);
  assert.equal([world.opened, world.closed, world.forgotten], [['motion {}', 'hog {}'], [], []]);
  await world.encoders.close();
});

test('ends with what was wanted last when changes come faster than encoders load', async () => {
  const world = new World();
  world.wishes.set(A, [wish('first')]);
  await world.frame(A, 0);
  const names = ['second', 'third', 'fourth'];
  for (const [index, name] of names.entries()) {
    world.encoders.want(A, [wish(name)]);
    assert.is((await world.frame(A, index + 1)).length, 1);
  }
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal(await world.frame(A, 9), ['fourth@1']);
  await world.encoders.close();
  assert.equal(world.closed.sort(), [...new Set(world.opened.map(text => text.split(' ')[0]!))].sort());
});

test('says once what a camera cannot have, and computes the rest', async () => {
  const world = new World();
  world.wishes.set(A, [wish('unknown'), wish('hog'), wish('picky')]);
  world.failWith = new PlatformError('RASTER_INVALID', 'not like this');
  for (let seq = 0; seq < 3; seq++) assert.equal(await world.frame(A, seq), ['hog@1']);
  assert.equal(world.refused, ['a unknown PLUGIN_UNKNOWN', 'a picky@1 RASTER_INVALID']);
  world.failWith = new PlatformError('INFERENCE_FAILED', 'broken');
  const error: unknown = await world.frame(A, 3).catch((reason: unknown) => reason);
  assert.is((error as PlatformError).code, 'INFERENCE_FAILED');
  await world.encoders.close();
});

test('opens the encoders of the modality that the pictures turn out to be of', async () => {
  const world = new World();
  world.wishes.set(A, [wish('hog')]);
  await world.frame(A, 0);
  assert.equal(await world.frame(A, 1, { samples: { modality: 'depth', metresPerStep: 0.001, range: null } }), ['hog@1']);
  assert.is(world.opened.length, 2);
  assert.equal(world.closed, ['hog']);
  await world.encoders.close();
});

test.run();
