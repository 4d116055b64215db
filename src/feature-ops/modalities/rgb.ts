import type { GraphBuilder } from '../../inference/graph/graph-builder.ts';
import type { Intensity, ModalityPlugin, Samples } from './modality.ts';

/** Luma of linear BT.709 primaries as scikit-image's `rgb2gray` takes it, in whole ten-thousandths: sums of 8-bit samples are then exact in float32. */
const LUMA = [2125, 7154, 721] as const;

/** Colour pictures, 8 bits a channel. Their intensity is the luma as a share of white. */
export const rgb: ModalityPlugin = {
  name: 'rgb',
  summary: 'Colour, 8 bits per channel; intensity is the luma, 0..1.',
  forms: [{
    name: 'rgb8', type: 'uint8', channels: 3, constants: 0,
    matches: ({ calibration }) => calibration === undefined,
    constantsOf: () => [],
    intensity: luma,
  }],
};

/** As one matrix product over rows of pixels: a third of the time of a convolution or a transposition first. */
function luma(graph: GraphBuilder, { values, size }: Samples): Intensity {
  const pixels = graph.reshape(graph.cast(values, 'float32'), [-1, 3]);
  const row = graph.op('Gemm', [graph.floats(LUMA, [1, 3]), pixels], { transB: 1 });
  return { value: graph.reshape(row, [-1, 1, size?.height ?? 1, size?.width ?? -1]), unit: 1 / (255 * 10_000) };
}
