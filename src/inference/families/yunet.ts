import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily, Outputs } from './family.ts';
import { cellCount, classesFirst, cornersOf, gridOf } from './grid.ts';
import type { PictureSize } from './grid.ts';
import { traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES, isFloat, readPicture } from './network-input.ts';

const STRIDES = [8, 16, 32];
const COLUMNS = { cls: 1, obj: 1, bbox: 4, kps: 10 } as const;

/**
 * YuNet (ShiqiYu/libfacedetection.train; also OpenCV's zoo since 2023): BGR 0..255 top-left on black; score, objectness, box and landmarks per stride, boxes not decoded.
 * Its five landmarks are left: a row of detections has no place for them.
 */
export const yunet: ModelFamily = {
  type: 'yunet',
  summary: 'YuNet: float [1, 3, height, width] in, twelve outputs cls_S, obj_S, bbox_S, kps_S of strides 8, 16, 32; landmarks are not used',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const picture = readPicture(foreign, FLOAT_PLANES);
    if (typeof picture === 'string') return refuse(picture);
    if (io.inputs.length !== 1) return refuse(`it has ${io.inputs.length} inputs, not one`);
    for (const stride of STRIDES) {
      const cells = cellCount(picture, [stride]);
      for (const [kind, columns] of Object.entries(COLUMNS)) {
        const output = io.outputs.find(({ name }) => name === `${kind}_${stride}`);
        if (!output) return refuse(`it has no output '${kind}_${stride}'`);
        if (!isFloat(output) || output.dims.length !== 3 || (fixed(output.dims[1]) ?? cells) !== cells || output.dims[2] !== columns) return refuse(`its output is ${formatIo(output)}, not float32 [1, ${cells}, ${columns}]`);
        if (columns === 1 && !traceTail(model, output.name).operators.has('Sigmoid')) return refuse(`'${output.name}' is no probability: no Sigmoid lies behind the last layers`);
      }
    }
    const own = labelsInFile(io.metadata);
    return accept(`cls, obj, bbox and kps of strides ${STRIDES.join(', ')} over ${picture.width}x${picture.height}`, {
      shape: { width: picture.width, height: picture.height, fit: 'letterbox', align: 'top-left', padValue: 0, channels: 'bgr' },
      input: picture, isBatchable: picture.isBatchable, labels: own.length > 0 ? own : ['face'],
      decode: (graph, outputs) => decode(graph, outputs, picture),
    });
  },
};

/** Score = sqrt(class * objectness); centre = (offset + cell) * stride, size = exp * stride. */
function decode(graph: GraphBuilder, outputs: Outputs, picture: PictureSize): Decoded {
  const all = (kind: keyof typeof COLUMNS): Value => graph.op('Concat', STRIDES.map((stride) => outputs(`${kind}_${stride}`)), { axis: 1 });
  const { cell, stride } = gridOf(graph, picture, STRIDES);
  const box = all('bbox');
  const center = graph.op('Mul', [graph.op('Add', [graph.slice(box, 2, 0, 2), cell]), stride]);
  const size = graph.op('Mul', [graph.op('Exp', [graph.slice(box, 2, 2, 4)]), stride]);
  return { kind: 'suppress', corners: cornersOf(graph, center, size), scores: classesFirst(graph, graph.op('Sqrt', [graph.op('Mul', [all('cls'), all('obj')])])) };
}
