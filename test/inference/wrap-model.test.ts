import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FrameShape } from '../../src/messages/model-frame.ts';
import type { NetworkInput, WrapPlan } from '../../src/inference/families/family.ts';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { openSession } from '../../src/inference/session.ts';
import { wrapModel } from '../../src/inference/wrap-model.ts';
import type { Entry } from '../../src/inference/wrap-model.ts';
import { noWarning, seeded } from '../support/small-models.ts';
import { foreignOf } from '../support/wrapped.ts';

const SHAPE: FrameShape = { width: 8, height: 6, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' };

/** A network that gives its input back, float32. */
function echo(layout: NetworkInput['layout'], type: NetworkInput['type'], opset: number, batch: number | string = 1): Uint8Array {
  const graph = new GraphBuilder('echo', opset);
  const picture = graph.input('picture', type, layout === 'nchw' ? [batch, 3, 6, 8] : [batch, 6, 8, 3]);
  graph.output(type === 'float32' ? picture : graph.cast(picture, 'float32'), 'echo', 'float32', layout === 'nchw' ? [batch, 3, 6, 8] : [batch, 6, 8, 3]);
  return serializeModel(graph.build());
}

/** Rows whose scores are the samples that reached the network, in order. */
function planOf(input: Omit<NetworkInput, 'name'>, shape: FrameShape = SHAPE): WrapPlan {
  return {
    shape, input: { name: 'picture', ...input }, labels: [], isBatchable: false,
    decode: (graph, outputs) => {
      const score = graph.reshape(outputs('echo'), [-1, 1]);
      const zero = graph.op('Mul', [score, graph.float(0)]);
      return { kind: 'rows', rows: graph.op('Concat', [zero, zero, score, zero, zero, zero, zero], { axis: 1 }) };
    },
  };
}

async function samplesOf(bytes: Uint8Array, plan: WrapPlan, pixels: Uint8Array, options: { readonly entry?: Entry; readonly size?: readonly [number, number] } = {}): Promise<number[]> {
  const session = await openSession(serializeModel(wrapModel(foreignOf(bytes), plan, options.entry)), { providers: ['cpu'], warn: noWarning });
  const [width, height] = options.size ?? [8, 6];
  const { detections } = await session.run({
    frame: session.tensor('uint8', pixels, [1, height, width, 3]), score_min: session.tensor('float32', Float32Array.of(0), [1]), iou_max: session.tensor('float32', Float32Array.of(0), [1]),
    ...(options.entry === 'picture' ? {} : { geometry: session.tensor('float32', Float32Array.of(1, 1, 0, 0, 8, 6), [1, 6]) }),
  });
  await session.close();
  const rows = detections!.data as Float32Array;
  return Array.from({ length: rows.length / 7 }, (_, row) => rows[row * 7 + 2]!);
}

const random = seeded(3);
const pixels = Uint8Array.from({ length: 8 * 6 * 3 }, () => Math.floor(random() * 256));
const planes = [0, 1, 2].flatMap((channel) => Array.from({ length: 48 }, (_, at) => pixels[at * 3 + channel]!));

test('samples reach the network in planes or pixels, each channel less its mean and divided by its deviation', async () => {
  const [mean, deviation] = [[10, 20, 30], [2, 4, 8]];
  for (const opset of [11, 13, 18]) {
    const got = await samplesOf(echo('nchw', 'float32', opset), planOf({ layout: 'nchw', type: 'float32', mean, deviation }), pixels);
    assert.equal(got, planes.map((sample, at) => Math.fround((sample - mean[Math.floor(at / 48)]!) / deviation[Math.floor(at / 48)]!)));
    const inPixels = await samplesOf(echo('nhwc', 'float32', opset), planOf({ layout: 'nhwc', type: 'float32', mean, deviation }), pixels);
    assert.equal(inPixels, [...pixels].map((sample, at) => Math.fround((sample - mean[at % 3]!) / deviation[at % 3]!)));
    assert.equal(await samplesOf(echo('nhwc', 'uint8', opset), planOf({ layout: 'nhwc', type: 'uint8' }), pixels), [...pixels]);
    assert.equal(await samplesOf(echo('nchw', 'float16', opset), planOf({ layout: 'nchw', type: 'float16' }), pixels), planes, 'whole numbers up to 255 are exact in half precision');
  }
});

test('a picture of the model\'s size is left as it is by the fitting inside the graph, but for its channels', async () => {
  const plan = (channels: 'rgb' | 'bgr', fit: FrameShape['fit']): WrapPlan => planOf({ layout: 'nhwc', type: 'uint8' }, { ...SHAPE, channels, fit });
  for (const fit of ['stretch', 'letterbox'] as const) {
    for (const opset of [11, 13, 18]) {
      assert.equal(await samplesOf(echo('nhwc', 'uint8', opset), plan('rgb', fit), pixels, { entry: 'picture' }), [...pixels]);
      assert.equal(await samplesOf(echo('nhwc', 'uint8', opset), plan('bgr', fit), pixels, { entry: 'picture' }), [...pixels].map((_, at) => pixels[at - (at % 3) + 2 - (at % 3)]!));
    }
  }
});

test('a picture of another size is stretched, or letterboxed where and on what the shape says', async () => {
  const narrow = new Uint8Array(4 * 6 * 3).fill(200); // 4x6 into 8x6: four columns are left over
  const columns = async (align: FrameShape['align']): Promise<number[]> => {
    const shape: FrameShape = { ...SHAPE, fit: 'letterbox', align, padValue: 114 };
    return (await samplesOf(echo('nhwc', 'uint8', 13), planOf({ layout: 'nhwc', type: 'uint8' }, shape), narrow, { entry: 'picture', size: [4, 6] })).filter((_, at) => at % 3 === 0).slice(0, 8);
  };
  assert.equal(await columns('center'), [114, 114, 200, 200, 200, 200, 114, 114]);
  assert.equal(await columns('top-left'), [200, 200, 200, 200, 114, 114, 114, 114]);
  const ramp = Uint8Array.from({ length: 16 * 6 * 3 }, (_, at) => Math.floor(at / 3) % 16 * 10);
  const halved = await samplesOf(echo('nhwc', 'uint8', 13), planOf({ layout: 'nhwc', type: 'uint8' }), ramp, { entry: 'picture', size: [16, 6] });
  assert.equal(halved.filter((_, at) => at % 3 === 0).slice(0, 8), [5, 25, 45, 65, 85, 105, 125, 145], 'the mean of two neighbours, as sampling at pixel centres gives');
});

/** A network that sees a box over the whole of the model's picture and another in its middle. */
function middle(batch: number | string): Uint8Array {
  const graph = new GraphBuilder('middle', 13);
  const picture = graph.input('picture', 'float32', [batch, 3, 6, 8]);
  const mean = graph.op('Div', [graph.op('ReduceMean', [picture], { axes: [1, 2, 3], keepdims: 0 }), graph.float(255)]);
  graph.output(graph.reshape(mean, [-1, 1]), 'echo', 'float32', [batch, 1]);
  return serializeModel(graph.build());
}

/** Each picture's box covers the middle half of both axes, its score is the picture's brightness. */
const middlePlan = (shape: FrameShape, isBatchable: boolean): WrapPlan => ({
  shape, input: { name: 'picture', layout: 'nchw', type: 'float32' }, labels: [], isBatchable,
  decode: (graph, outputs) => {
    const score = graph.reshape(outputs('echo'), [-1, 1, 1]);
    return { kind: 'suppress', scores: score, corners: graph.op('Add', [graph.op('Mul', [score, graph.float(0)]), graph.floats([2, 1.5, 6, 4.5], [1, 1, 4])]) };
  },
});

test('boxes come in source pixels, clipped, each by the geometry of its own frame of the batch', async () => {
  const session = await openSession(serializeModel(wrapModel(foreignOf(middle('batch')), middlePlan(SHAPE, true))), { providers: ['cpu'], warn: noWarning });
  const three = Uint8Array.from({ length: 3 * 144 }, (_, at) => [255, 0, 102][Math.floor(at / 144)]!);
  const { detections } = await session.run({
    frame: session.tensor('uint8', three, [3, 6, 8, 3]), geometry: session.tensor('float32', Float32Array.of(1, 1, 0, 0, 8, 6, 1, 1, 0, 0, 8, 6, 0.5, 0.25, 1, 0.5, 9, 12), [3, 6]),
    score_min: session.tensor('float32', Float32Array.of(0.1), [1]), iou_max: session.tensor('float32', Float32Array.of(0.5), [1]),
  });
  await session.close();
  assert.equal([...detections!.data as Float32Array].map((value) => Math.round(value * 1e4) / 1e4), [0, 0, 1, 2, 1.5, 6, 4.5, 2, 0, 0.4, 2, 4, 9, 12]);
});

test('with a picture of any size the boxes are in that picture\'s pixels', async () => {
  const shape: FrameShape = { ...SHAPE, fit: 'letterbox', align: 'center', padValue: 0 };
  const session = await openSession(serializeModel(wrapModel(foreignOf(middle(1)), middlePlan(shape, false), 'picture')), { providers: ['cpu'], warn: noWarning });
  for (const [width, height, box] of [[80, 60, [20, 15, 60, 45]], [40, 60, [0, 15, 40, 45]], [1920, 1080, [480, 270 - 45, 1440, 810 + 45]]] as const) {
    const { detections } = await session.run({
      frame: session.tensor('uint8', new Uint8Array(width * height * 3).fill(255), [1, height, width, 3]),
      score_min: session.tensor('float32', Float32Array.of(0.1), [1]), iou_max: session.tensor('float32', Float32Array.of(0.5), [1]),
    });
    const got = [...detections!.data as Float32Array].slice(3);
    // The rounding of the letterbox to whole pixels of the model makes up to half a pixel there.
    for (const [index, value] of box.entries()) assert.ok(Math.abs(got[index]! - value) <= 0.5 * Math.max(width / 8, height / 6), `${width}x${height}: ${got.join(' ')} instead of ${box.join(' ')}`);
  }
  await session.close();
});

test.run();
