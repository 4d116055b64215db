import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PlatformError } from '../../engine/errors.ts';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import { describeModel, parseModel, type ModelIo, type TensorIo } from '../../inference/graph/model-file.ts';
import { readModelFile } from '../../inference/load-detector.ts';
import { defineEncoder, type GraphPicture } from './encoder.ts';

const OPTIONS = z.strictObject({
  file: z.string().min(1).describe('Path of the ONNX file: one picture in, one vector out.'),
  output: z.string().min(1).optional().describe('Name of the output that is the feature, where the model has several.'),
  width: z.int().min(1).max(4096).optional().describe('Width of its picture, where the file leaves that open.'),
  height: z.int().min(1).max(4096).optional().describe('Height of its picture, where the file leaves that open.'),
  order: z.enum(['rgb', 'bgr']).default('rgb').describe('Order of the colours that it was trained with.'),
  mean: z.array(z.number()).max(3).default([0]).describe('Subtracted from each channel; pixels are 0..1 here.'),
  deviation: z.array(z.number().positive()).max(3).default([1]).describe('Each channel is divided by it; 0.00392157 (1 / 255) gives 0..255.'),
  isNormalised: z.boolean().default(false).describe('True: features are brought to length 1, so that their dot product is the cosine.'),
});

type Options = z.output<typeof OPTIONS>;

/** How the picture lies in the model's input. */
interface PictureInput { readonly name: string; readonly isChannelsLast: boolean; readonly channels: 1 | 3; readonly width: number; readonly height: number; readonly batchMax: number | undefined; readonly isBytes: boolean }

/** Any model that makes a vector of a picture. The version is the digest of its file. Shape: that of its output, without the batch. */
export const onnx = defineEncoder({
  name: 'onnx', version: '1', modalities: ['rgb', 'thermal', 'depth'],
  summary: 'An embedding by an ONNX model file of yours.',
  options: OPTIONS,
  examples: [{ file: 'models/embedding.onnx' }, { file: 'models/resnet.onnx', mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225], isNormalised: true }],
  plan: async (options) => {
    const bytes = await readModelFile(options.file);
    const model = parseModel(bytes);
    const io = describeModel(model);
    const input = pictureInput(options, io);
    const output = chosenOutput(options, io);
    return {
      size: { width: input.width, height: input.height },
      opset: io.opset,
      version: createHash('sha256').update(bytes).digest('hex').slice(0, 12),
      ...input.batchMax === undefined ? {} : { batchMax: input.batchMax },
      write: (graph, picture) => {
        const outputs = graph.inline(model, 'model_', { [input.name]: planesOf(graph, options, input, picture) });
        const found = outputs.get(output);
        if (found === undefined) throw invalid(options, `it has no output '${output}'`);
        const vector = graph.op('Flatten', [found], { axis: 1 });
        return { feature: options.isNormalised ? graph.op('LpNormalization', [vector], { axis: -1, p: 2 }) : vector };
      },
    };
  },
});

function pictureInput(options: Options, { inputs }: ModelIo): PictureInput {
  const [input] = inputs;
  const said = inputs.map(({ name, type, dims }) => `${name} ${type} [${dims.join(', ')}]`).join('; ');
  if (input === undefined || inputs.length > 1 || input.dims.length !== 4 || (input.type !== 'float32' && input.type !== 'uint8')) throw invalid(options, `it takes ${said}, not one picture of 4 dimensions`);
  const isPlane = (dim: number | string | undefined): dim is 1 | 3 => dim === 1 || dim === 3;
  const [batch, first, second, last] = input.dims;
  const isChannelsLast = !isPlane(first) && isPlane(last);
  const channels = isChannelsLast ? last : first;
  if (!isPlane(channels)) throw invalid(options, `it takes ${said}: no dimension holds 1 or 3 channels`);
  const [height, width] = isChannelsLast ? [first, second] : [second, last];
  return {
    name: input.name, isChannelsLast, channels, isBytes: input.type === 'uint8', batchMax: typeof batch === 'number' ? batch : undefined,
    width: side(options, 'width', width, input), height: side(options, 'height', height, input),
  };
}

function side(options: Options, name: 'width' | 'height', inFile: number | string | undefined, input: TensorIo): number {
  const wanted = options[name];
  if (typeof inFile !== 'number') {
    if (wanted === undefined) throw invalid(options, `its input '${input.name}' leaves the ${name} open: name it`);
    return wanted;
  }
  if (wanted !== undefined && wanted !== inFile) throw invalid(options, `its ${name} is ${inFile}, not ${wanted}`);
  return inFile;
}

function chosenOutput(options: Options, { outputs }: ModelIo): string {
  const names = outputs.map(({ name }) => name);
  const chosen = options.output ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined || !names.includes(chosen)) throw invalid(options, `name one of its outputs: ${names.join(', ')}`);
  return chosen;
}

/** The picture as the model wants it. */
function planesOf(graph: GraphBuilder, options: Options, input: PictureInput, picture: GraphPicture): Value {
  const planes = input.channels === 3 && picture.form.channels === 3 ? colours(graph, options, picture.samples) : grey(graph, input, picture);
  const laid = (values: readonly number[]): Value => graph.floats(values, [1, values.length, 1, 1]);
  const scaled = graph.op('Div', [graph.op('Sub', [planes, laid(options.mean)]), laid(options.deviation)]);
  const placed = input.isChannelsLast ? graph.op('Transpose', [scaled], { perm: [0, 2, 3, 1] }) : scaled;
  return input.isBytes ? graph.cast(placed, 'uint8') : placed;
}

function colours(graph: GraphBuilder, { order }: Options, samples: Value): Value {
  const planes = graph.op('Transpose', [samples], { perm: [0, 3, 1, 2] });
  const ordered = order === 'rgb' ? planes : graph.op('Gather', [planes, graph.ints([2, 1, 0])], { axis: 1 });
  return graph.op('Mul', [graph.cast(ordered, 'float32'), graph.float(1 / 255)]);
}

function grey(graph: GraphBuilder, { channels }: PictureInput, picture: GraphPicture): Value {
  const { value, unit } = picture.intensity();
  const plane = graph.op('Mul', [value, graph.float(unit)]);
  return channels === 1 ? plane : graph.op('Concat', [plane, plane, plane], { axis: 1 });
}

function invalid({ file }: Options, why: string): PlatformError {
  return new PlatformError('MODEL_INVALID', `'${file}' is no encoder here: ${why}`, { model: file });
}
