import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { cellCount, classesFirst, gridOf } from './grid.ts';
import type { PictureSize } from './grid.ts';
import { hasArithmetic, traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES } from './network-input.ts';
import { readClasses, readOneTable } from './one-output.ts';

/** Each side of a box is a distribution over 0..7 strides (`reg_max` 7 in every published configuration). */
const BINS = 8;
const SIDE_COLUMNS = 4 * BINS;

/** NanoDet-Plus has a fourth grid and points in the cells' corners; NanoDet before it has three and points in their middles. */
const PLUS = { strides: [8, 16, 32, 64], offset: 0 };
const FIRST = { strides: [8, 16, 32], offset: 0.5 };

/**
 * NanoDet and NanoDet-Plus (RangiLyu/nanodet): BGR with ImageNet's mean and deviation; rows of class scores and four distributions of distances (Li et al. 2020,
 * arXiv:2006.04388), not decoded. Plus stretches the picture, the first NanoDet letterboxes it on black.
 */
export const nanodet: ModelFamily = {
  type: 'nanodet',
  summary: 'NanoDet, NanoDet-Plus: float [1, 3, height, width] in, one output [1, cells, classes + 32] of class scores and distributions of distances',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneTable(foreign, FLOAT_PLANES, `[1, cells, classes + ${SIDE_COLUMNS}]`);
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const layout = [PLUS, FIRST].find(({ strides }) => cellCount(picture, strides) === fixed(output.dims[1]));
    if (!layout) return refuse(`its output ${formatIo(output)} has neither the ${cellCount(picture, PLUS.strides)} cells of strides ${PLUS.strides.join(', ')} nor the ${cellCount(picture, FIRST.strides)} of ${FIRST.strides.join(', ')}`);
    const classes = readClasses(output, { dim: 2, taken: SIDE_COLUMNS, place: `column for a class beside ${SIDE_COLUMNS} for distances` });
    if (typeof classes === 'string') return refuse(classes);
    const tail = traceTail(model, output.name);
    if (hasArithmetic(tail) && tail.channels.length > 0) return refuse('values are computed behind its last layers; NanoDet leaves its distributions as they are');
    const isHeadFound = tail.channels.includes(classes + SIDE_COLUMNS) || (tail.channels.includes(classes) && tail.channels.includes(SIDE_COLUMNS));
    if (tail.channels.length > 0 && !isHeadFound) return refuse(`its last layers have ${tail.channels.join(', ')} channels, not ${classes} (classes) and ${SIDE_COLUMNS} (distances) or both together`);
    return accept(`${formatIo(output)}: ${layout === PLUS ? 'NanoDet-Plus' : 'NanoDet'}, strides ${layout.strides.join(', ')} over ${picture.width}x${picture.height}, ${classes} classes`, {
      shape: { width: picture.width, height: picture.height, fit: layout === PLUS ? 'stretch' : 'letterbox', align: 'center', padValue: 0, channels: 'bgr' },
      input: { ...picture, mean: [103.53, 116.28, 123.675], deviation: [57.375, 57.12, 58.395] }, isBatchable: picture.isBatchable, labels: labelsFor(io.metadata, classes),
      decode: (graph, outputs) => decode(graph, outputs(output.name), { picture, layout, classes, isLogit: !tail.operators.has('Sigmoid') }),
    }, isHeadFound ? undefined : `no convolution is found before its output: ${classes} classes and ${SIDE_COLUMNS} distances cannot be told from ${classes + SIDE_COLUMNS - 5} classes with a box`);
  },
};

interface Layout { readonly picture: PictureSize; readonly layout: typeof PLUS; readonly classes: number; readonly isLogit: boolean }

/** A side lies the mean of its distribution, in strides, from the cell's point. */
function decode(graph: GraphBuilder, rows: Value, { picture, layout, classes, isLogit }: Layout): Decoded {
  const given = graph.slice(rows, 2, 0, classes);
  const cells = cellCount(picture, layout.strides);
  const shares = graph.op('Softmax', [graph.reshape(graph.slice(rows, 2, classes, classes + SIDE_COLUMNS), [-1, BINS])], { axis: 1 });
  const means = graph.reshape(graph.op('MatMul', [shares, graph.floats(Array.from({ length: BINS }, (_, bin) => bin), [BINS, 1])]), [-1, cells, 4]);
  const { cell, stride } = gridOf(graph, picture, layout.strides);
  const point = graph.op('Mul', [graph.op('Add', [cell, graph.float(layout.offset)]), stride]);
  const distances = graph.op('Mul', [means, stride]);
  const corners = graph.op('Concat', [graph.op('Sub', [point, graph.slice(distances, 2, 0, 2)]), graph.op('Add', [point, graph.slice(distances, 2, 2, 4)])], { axis: 2 });
  return { kind: 'suppress', corners, scores: classesFirst(graph, isLogit ? graph.op('Sigmoid', [given]) : given) };
}
