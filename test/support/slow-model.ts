import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CameraId } from '../../src/engine/units.ts';
import { GraphBuilder, type Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { noWarning } from './small-models.ts';

const SIDE = 96;
const WIDTH = 256;

/** An end-to-end detector that multiplies matrices `rounds` times and then reports one box. The work depends on the picture, so that nothing of it can be folded away. */
function slowModel(rounds: number): Uint8Array {
  const graph = new GraphBuilder('slow');
  const picture = graph.input('image', 'uint8', [1, SIDE, SIDE, 3]);
  const pixels = graph.op('Div', [graph.cast(picture, 'float32'), graph.float(255)]);
  const weights = graph.floats(Float32Array.from({ length: WIDTH * WIDTH }, (_, index) => Math.sin(index) / WIDTH), [WIDTH, WIDTH]);
  let state: Value = graph.reshape(pixels, [SIDE * SIDE * 3 / WIDTH, WIDTH]);
  for (let round = 0; round < rounds; round += 1) state = graph.op('Tanh', [graph.op('MatMul', [state, weights])]);
  const zero = graph.op('Mul', [graph.op('ReduceMean', [state], { keepdims: 0 }), graph.float(0)]);
  const box = graph.floats([0, 0, 0.9, 10, 10, 60, 60], [1, 7]);
  graph.output(graph.op('Add', [box, zero]), 'boxes', 'float32', ['m', 7]);
  graph.metadata('name', 'slow');
  graph.metadata('version', '1.0.0');
  graph.metadata('labels', 'thing');
  return serializeModel(graph.build());
}

/** Writes a model whose run takes `ms` on this machine when it has a core to itself: the quickest of several runs counts. */
export async function writeSlowModel(file: string, ms: number): Promise<void> {
  const probeRounds = 64;
  const perRound = await quickestMs(probeRounds) / probeRounds;
  writeFileSync(file, slowModel(Math.max(1, Math.round(ms / perRound))));
}

async function quickestMs(rounds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'slow-model-'));
  const path = join(folder, 'probe.onnx');
  writeFileSync(path, slowModel(rounds));
  const detector = await loadDetector({ model: path, family: 'auto', providers: ['cpu'], scoreMin: 0.1, iouMax: 0.5, labels: [] }, { warn: noWarning });
  try {
    const frame = { width: SIDE, height: SIDE, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: SIDE, sourceHeight: SIDE, pixels: new Uint8Array(SIDE * SIDE * 3).fill(100) };
    let quickest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 30; run += 1) {
      const startMs = performance.now();
      await detector.detect(frame, 'probe' as CameraId);
      quickest = Math.min(quickest, performance.now() - startMs);
    }
    return quickest;
  } finally {
    await detector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
