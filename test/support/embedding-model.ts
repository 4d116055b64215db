import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';

interface EmbeddingOptions { readonly channels?: 1 | 3; readonly batch?: number | string; readonly opset?: number; readonly isChannelsLast?: boolean; readonly side?: number | string; readonly outputs?: number }

/** Writes a model file that gives the mean and the maximum of each channel: `[n, 2 * channels]`. */
export function writeEmbeddingModel(folder: string, { channels = 3, batch = 'n', opset = 13, isChannelsLast = false, side = 24, outputs = 1 }: EmbeddingOptions = {}): string {
  const graph = new GraphBuilder('embedding', opset);
  const input = graph.input('picture', 'float32', isChannelsLast ? [batch, side, side, channels] : [batch, channels, side, side]);
  const planes = isChannelsLast ? graph.op('Transpose', [input], { perm: [0, 3, 1, 2] }) : input;
  const pooled = graph.op('Concat', [graph.op('GlobalAveragePool', [planes]), graph.op('GlobalMaxPool', [planes])], { axis: 1 });
  for (let index = 0; index < outputs; index++) graph.output(pooled, index === 0 ? 'embedding' : `other_${index}`, 'float32', [batch, 2 * channels, 1, 1]);
  const file = join(folder, `embedding-${channels}-${batch}-${opset}-${isChannelsLast}-${side}-${outputs}.onnx`);
  writeFileSync(file, serializeModel(graph.build()));
  return file;
}
