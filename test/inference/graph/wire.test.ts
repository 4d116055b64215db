import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ModelProtoSchema } from '../../../src/inference/graph/generated/onnx_pb.js';
import { GraphBuilder } from '../../../src/inference/graph/graph-builder.ts';
import { parseModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { checkWire } from '../../../src/inference/graph/wire.ts';

/** A length-delimited field. */
function field(number: number, body: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
}

const GRAPH = 7;
const NODE = 1;
const INITIALIZER = 5;

/** What a file is refused with. */
function refusal(bytes: Uint8Array): string {
  try {
    parseModel(bytes);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
  return 'accepted';
}

function abs(): Uint8Array {
  const graph = new GraphBuilder('abs');
  graph.output(graph.op('Abs', [graph.input('x', 'float32', [2])]), 'y', 'float32', [2]);
  return serializeModel(graph.build());
}

test('a whole file passes, and every file cut short is refused with the place and a remedy', () => {
  const whole = abs();
  checkWire(ModelProtoSchema, whole);
  for (let length = 0; length < whole.length; length++) {
    assert.match(refusal(whole.subarray(0, length)), /^MODEL_INVALID: .*(export it again|weights\?|opset version)/, `cut at ${length} of ${whole.length}`);
  }
});

test('a field that wants more bytes than there are says which, where and how many', () => {
  assert.match(refusal(Buffer.concat([varint(GRAPH * 8 + 2), varint(2 ** 40), Buffer.alloc(5)])), `field 'graph' of ModelProto at byte 7 wants ${2 ** 40} bytes, 5 are there`);
});

test('groups, field 0 and endless numbers are refused', () => {
  assert.match(refusal(Uint8Array.of(0x0b)), /wire type 3 at byte 0/);
  assert.match(refusal(Uint8Array.of(0x02, 0)), /field 0 at byte 0/);
  assert.match(refusal(new Uint8Array(20).fill(0xff)), /a number of more than 10 bytes/);
});

test('bodies within bodies without end are refused by depth, not by a full stack', () => {
  let graph: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 5_000; depth++) graph = field(NODE, field(5, field(6, graph))); // node, attribute, graph
  assert.match(refusal(field(GRAPH, graph)), /nested more than 90 deep/);
});

test('a small file that would become gigabytes of objects is refused before it is read', () => {
  const nodes = field(GRAPH, Buffer.alloc(4_000_000, field(NODE, Buffer.alloc(0))));
  const bigints = field(GRAPH, field(INITIALIZER, field(7, Buffer.alloc(20_000_000, 1))));
  const strings = field(GRAPH, field(NODE, Buffer.alloc(8_000_000, field(1, Buffer.alloc(0)))));
  const strange = Buffer.alloc(12_000_000, Buffer.concat([varint(100 * 8), varint(1)]));
  for (const bytes of [nodes, bigints, strings, strange]) {
    const before = process.memoryUsage();
    assert.match(refusal(bytes), /would take more than 512 MiB of objects: keep weights as raw data/);
    const after = process.memoryUsage();
    assert.ok(after.heapUsed - before.heapUsed < 50e6, `${after.heapUsed - before.heapUsed} bytes more`);
  }
});

test('weights as raw data cost nothing, however many', () => {
  const graph = new GraphBuilder('large');
  graph.output(graph.op('Add', [graph.input('x', 'float32', [1]), graph.floats(new Float32Array(10_000_000))]), 'y', 'float32', ['n']);
  assert.is(refusal(serializeModel(graph.build())), 'accepted');
});

test.run();
