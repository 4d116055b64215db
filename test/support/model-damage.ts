import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from '../../src/inference/graph/generated/onnx_pb.js';
import { allNodes, bodiesOf } from '../../src/inference/graph/bodies.ts';
import type { FuzzRandom } from './fuzz.ts';

/** Whole numbers that sizes, axes and counts are replaced with. */
const EDGES = [0n, 1n, -1n, 2n, 3n, 7n, 64n, 255n, 4096n, 65_537n, 1_000_003n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];
const OPERATORS = ['Abs', 'Add', 'Cast', 'Concat', 'ConstantOfShape', 'Conv', 'ConvTranspose', 'CumSum', 'Expand', 'Flatten', 'Gather', 'GatherND', 'Gemm', 'If', 'Loop', 'LSTM', 'MatMul',
  'MaxPool', 'NonMaxSuppression', 'NonZero', 'OneHot', 'Pad', 'Range', 'ReduceMean', 'Reshape', 'Resize', 'RoiAlign', 'Scan', 'ScatterND', 'Shape', 'Slice', 'Softmax', 'Split', 'Squeeze', 'Tile', 'TopK', 'Transpose', 'Unsqueeze', 'Where'];
const FLOATS = [0, -1, 1e-38, 1e38, Number.NaN, Number.POSITIVE_INFINITY];

/** Changes a graph in one to four places; the same for the same random numbers. The result is always a file that protobuf can read. */
export function damageGraph(model: ModelProto, random: FuzzRandom): void {
  for (let count = random.next() < 0.6 ? 1 : 1 + random.integer(4); count > 0; count--) {
    const graph = graphOf(model, random);
    if (graph === undefined) return;
    random.pick(DAMAGES)(graph, random, model);
  }
}

/** The main graph, or now and then a body within it. */
function graphOf(model: ModelProto, random: FuzzRandom): GraphProto | undefined {
  if (model.graph && random.next() < 0.2) {
    const bodies = [...allNodes(model.graph.node)].flatMap((node) => [...bodiesOf(node)]);
    if (bodies.length > 0) return random.pick(bodies);
  }
  return model.graph;
}

type Damage = (graph: GraphProto, random: FuzzRandom, model: ModelProto) => void;

const DAMAGES: readonly Damage[] = [
  (graph, random) => { graph.node.splice(random.integer(graph.node.length), 1); },
  (graph, random) => { if (graph.node.length > 0) graph.node.push(random.pick(graph.node)); },
  (graph, random) => { anyNode(graph, random)?.input.reverse(); },
  (graph, random) => {
    const node = anyNode(graph, random);
    if (node && node.input.length > 0) node.input[random.integer(node.input.length)] = anyName(graph, random);
  },
  (graph, random) => { anyNode(graph, random)?.input.push(anyName(graph, random)); },
  (graph, random) => { anyNode(graph, random)?.input.pop(); },
  (graph, random) => { anyNode(graph, random)?.output.push(anyName(graph, random)); },
  (graph, random) => {
    const node = anyNode(graph, random);
    if (node) node.opType = random.pick(OPERATORS);
  },
  damageAttribute, damageAttribute, damageAttribute,
  damageWeight, damageWeight, damageWeight,
  (graph, random) => { damageValue(graph.input, random); },
  (graph, random) => { damageValue(graph.output, random); },
  (graph, random) => { damageValue(graph.valueInfo, random); },
  (graph, random) => { graph.initializer.splice(random.integer(graph.initializer.length), 1); },
  (graph, random) => { if (graph.output.length > 0) graph.output[0]!.name = anyName(graph, random); },
  (_graph, random, model) => { model.irVersion = random.pick(EDGES); },
  (_graph, random, model) => { if (model.opsetImport.length > 0) random.pick(model.opsetImport).version = BigInt(random.integer(30)); },
];

function anyNode(graph: GraphProto, random: FuzzRandom): NodeProto | undefined {
  return graph.node.length === 0 ? undefined : random.pick(graph.node);
}

/** The name of something that is there, mostly; else of nothing. */
function anyName(graph: GraphProto, random: FuzzRandom): string {
  const node = anyNode(graph, random);
  const names = [...graph.initializer.slice(0, 50).map(({ name }) => name), ...graph.input.map(({ name }) => name), ...node?.output ?? [], ...node?.input ?? []];
  return names.length === 0 || random.next() < 0.1 ? random.pick(['', 'nothing', '__proto__', 'x'.repeat(70_000)]) : random.pick(names);
}

function damageAttribute(graph: GraphProto, random: FuzzRandom): void {
  const nodes = graph.node.filter(({ attribute }) => attribute.length > 0);
  if (nodes.length === 0) return;
  const { attribute } = random.pick(nodes);
  const chosen = random.pick(attribute);
  switch (random.integer(5)) {
    case 0: attribute.splice(attribute.indexOf(chosen), 1); return;
    case 1: chosen.type = random.integer(15) as AttributeProto['type']; return;
    case 2: chosen.name = random.pick(['axis', 'kernel_shape', 'pads', 'value', '', 'to']); return;
    default: changeValue(chosen, random);
  }
}

function changeValue(attribute: AttributeProto, random: FuzzRandom): void {
  if (attribute.ints.length > 0) {
    if (random.next() < 0.2) attribute.ints.push(random.pick(EDGES));
    else attribute.ints[random.integer(attribute.ints.length)] = random.pick(EDGES);
  } else if (attribute.t) changeTensor(attribute.t, random);
  else if (attribute.f !== 0) attribute.f = random.pick(FLOATS);
  else if (attribute.s.byteLength > 0) attribute.s = random.bytes(random.integer(12));
  else attribute.i = random.pick(EDGES);
}

/** Sizes and counts are small whole weights: these are chosen most. */
function damageWeight(graph: GraphProto, random: FuzzRandom): void {
  const small = graph.initializer.filter(({ dataType, rawData }) => dataType === 7 && rawData.byteLength > 0);
  if (small.length > 0 && random.next() < 0.7) changeTensor(random.pick(small), random);
  else if (graph.initializer.length > 0) changeTensor(random.pick(graph.initializer), random);
}

function changeTensor(tensor: TensorProto, random: FuzzRandom): void {
  switch (random.integer(6)) {
    case 0: tensor.dims[random.integer(tensor.dims.length + 1)] = random.pick(EDGES); return;
    case 1: tensor.dataType = random.integer(28); return;
    case 2: tensor.rawData = tensor.rawData.subarray(0, random.integer(tensor.rawData.byteLength + 1)); return;
    case 3: tensor.dims = [...tensor.dims].reverse(); return;
    default: {
      if (tensor.rawData.byteLength < 8) return;
      const bytes = Uint8Array.from(tensor.rawData);
      new DataView(bytes.buffer).setBigInt64(8 * random.integer(Math.floor(bytes.byteLength / 8)), random.pick(EDGES), true);
      tensor.rawData = bytes;
    }
  }
}

function damageValue(values: readonly ValueInfoProto[], random: FuzzRandom): void {
  const kind = values.length === 0 ? undefined : random.pick(values).type?.value;
  if (kind?.case !== 'tensorType') return;
  const dims = kind.value.shape?.dim ?? [];
  const roll = random.next();
  if (dims.length === 0 || roll < 0.3) kind.value.elemType = random.integer(24);
  else if (roll < 0.5) dims.splice(random.integer(dims.length), 1);
  else random.pick(dims).value = random.next() < 0.2 ? { case: 'dimParam', value: 'n' } : { case: 'dimValue', value: random.pick(EDGES) };
}
