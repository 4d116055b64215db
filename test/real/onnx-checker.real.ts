import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeFamilies } from '../../src/inference/families/index.ts';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { parseModel, serializeModel } from '../../src/inference/graph/model-file.ts';
import { foreignModel } from '../../src/inference/load-detector.ts';
import { motionGraph } from '../../src/inference/motion-graph.ts';
import { wrapModel } from '../../src/inference/wrap-model.ts';
import { outsidePython } from '../support/outside-python.ts';
import { sharedData } from '../support/shared-data.ts';
import { fakeYolox } from '../support/small-models.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SCRIPT = fileURLToPath(new URL('../support/onnx-checker.py', import.meta.url));
const python = outsidePython('onnx');
if (python === undefined) console.log('SKIP: the official ONNX checker: no Python with onnx; name one with VTO_TEST_PYTHON');
const check = python === undefined ? test.skip : test;

function run(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(python ?? '', [SCRIPT, ...args], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return stdout;
}

/** Fails unless the checker, with full shape inference, has nothing to say about any of the models. */
function checkAll(models: Readonly<Record<string, Uint8Array>>): void {
  const folder = temporaryFolder();
  const files = Object.entries(models).map(([name, bytes]) => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, bytes);
    return path;
  });
  const errors = run('check', ...files).trim().split('\n').map((line) => (JSON.parse(line) as { error: string | null }).error);
  assert.equal(Object.fromEntries(Object.keys(models).map((name, index) => [name, errors[index]])), Object.fromEntries(Object.keys(models).map((name) => [name, null])));
}

/** The graph that is written around a file, by each family that takes it. */
function wrapped(name: string, bytes: Uint8Array): Record<string, Uint8Array> {
  const foreign = foreignModel(parseModel(bytes));
  return Object.fromEntries(judgeFamilies(foreign).flatMap(({ family, match }) => (
    !match.isMatch ? [] : (['frame', 'picture'] as const).map((entry) => [`${name} as ${family.type}, ${entry}`, serializeModel(wrapModel(foreign, match.plan, entry))])
  )));
}

/** A graph that ends in boxes. */
function boxes(): Uint8Array {
  const graph = new GraphBuilder('boxes', 16);
  const picture = graph.input('picture', 'uint8', [1, 8, 8, 3]);
  const nothing = graph.op('Mul', [graph.op('ReduceMean', [graph.cast(picture, 'float32')], { keepdims: 0 }), graph.float(0)]);
  graph.output(graph.op('Add', [graph.floats([0, 0, 0.9, 1, 1, 5, 5], [1, 7]), nothing]), 'detections', 'float32', ['found', 7]);
  return serializeModel(graph.build());
}

check('our own graphs, and those written around small foreign ones, pass with full shape inference', () => {
  const graphs = {
    motion: serializeModel(motionGraph()), boxes: boxes(), ...wrapped('boxes', boxes()),
    ...wrapped('opset 11', fakeYolox({ width: 64, height: 32, classes: 2 }, new Float32Array(42 * 7))),
    ...wrapped('opset 18', fakeYolox({ width: 64, height: 32, classes: 2 }, new Float32Array(42 * 7), { opset: 18 })),
  };
  assert.ok(Object.keys(graphs).length >= 5, Object.keys(graphs).join('; '));
  checkAll(graphs);
});

check('the graphs written around real networks pass with full shape inference', () => {
  const folder = sharedData('models');
  if (folder === undefined) { console.log('the shared models are not there: only small ones were checked'); return; }
  const graphs = Object.assign({}, ...readdirSync(folder).filter((name) => name.endsWith('.onnx')).map((name) => wrapped(name, readFileSync(join(folder, name))))) as Record<string, Uint8Array>;
  assert.ok(Object.keys(graphs).length >= 1);
  checkAll(graphs);
});

check('every model of the official node tests is read, judged fit and written back to the byte; only newer versions are refused', () => {
  const folder = temporaryFolder();
  run('cases', folder);
  const refused: string[] = [];
  const differ: string[] = [];
  let same = 0;
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file));
    try {
      if (Buffer.from(serializeModel(parseModel(bytes))).equals(bytes)) same += 1;
      else differ.push(file);
    } catch (error) {
      const { message } = error as Error;
      if (!/at most \d+ can be read|are known: export it with an opset version/.test(message)) refused.push(`${file}: ${message}`);
    }
  }
  console.log(`  ${same} official models are the same to the byte after reading and writing`);
  assert.equal({ refused, differ }, { refused: [], differ: [] });
  assert.ok(same > 1500, `${same}`);
});

test.run();
