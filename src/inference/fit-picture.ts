import type { FrameShape } from '../messages/model-frame.ts';
import type { GraphBuilder, Value } from './graph/graph-builder.ts';

/** A frame at model size, uint8 `[1, height, width, channels]`, and how it lies in its source, float32 `[1, 6]` as `geometry`. */
export interface FittedPicture { readonly frame: Value; readonly geometry: Value }

/** Share of red, green and blue in grey (BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/**
 * Brings an RGB picture of any size, uint8 `[1, h, w, 3]`, to a model's shape inside the graph: the same sizes and places as the pipeline's scaler gives, so that
 * boxes agree; four pixels are read for each, as OpenCV's INTER_LINEAR does.
 */
export function fitPicture(graph: GraphBuilder, picture: Value, shape: FrameShape): FittedPicture {
  const size = graph.cast(graph.slice(graph.op('Shape', [picture]), 0, 1, 3), 'float32'); // height, width
  const room = graph.floats([shape.height, shape.width]);
  const inner = shape.fit === 'stretch' ? room : innerSize(graph, size, room);
  const margin = graph.op('Sub', [room, inner]);
  const before = shape.align === 'center' ? graph.op('Floor', [graph.op('Mul', [margin, graph.float(0.5)])]) : graph.op('Mul', [margin, graph.float(0)]);
  const whole = (value: Value): Value => graph.cast(value, 'int64');
  const scaled = resize(graph, picture, graph.op('Concat', [graph.ints([1]), whole(inner), graph.ints([3])], { axis: 0 }));
  const pads = graph.op('Concat', [graph.ints([0]), whole(before), graph.ints([0, 0]), whole(graph.op('Sub', [margin, before])), graph.ints([0])], { axis: 0 });
  const padded = shape.fit === 'stretch' ? scaled : graph.op('Pad', [scaled, pads, graph.bytes([shape.padValue], [])]);
  const acrossFirst = (value: Value): Value => graph.op('Gather', [value, graph.ints([1, 0])], { axis: 0 });
  const geometry = graph.op('Concat', [acrossFirst(graph.op('Div', [inner, size])), acrossFirst(before), acrossFirst(size)], { axis: 0 });
  return {
    frame: orderChannels(graph, graph.reshape(padded, [1, shape.height, shape.width, 3]), shape),
    geometry: graph.reshape(geometry, [1, 6]),
  };
}

/** The largest size of the same aspect that fits, to the nearest pixel, at least one. */
function innerSize(graph: GraphBuilder, size: Value, room: Value): Value {
  const scale = graph.op('ReduceMin', [graph.op('Div', [room, size])], { keepdims: 0 });
  const rounded = graph.op('Floor', [graph.op('Add', [graph.op('Mul', [size, scale]), graph.float(0.5)])]);
  return graph.op('Min', [graph.op('Max', [rounded, graph.float(1)]), room]);
}

function resize(graph: GraphBuilder, picture: Value, sizes: Value): Value {
  const none = graph.opset >= 13 ? undefined : graph.floats([]); // optional since 13
  return graph.op('Resize', [picture, none, none, sizes], { mode: 'linear' });
}

function orderChannels(graph: GraphBuilder, frame: Value, { channels }: FrameShape): Value {
  switch (channels) {
    case 'rgb': return frame;
    case 'bgr': return graph.op('Gather', [frame, graph.ints([2, 1, 0])], { axis: 3 });
    case 'gray': return graph.cast(graph.op('Add', [graph.op('MatMul', [graph.cast(frame, 'float32'), graph.floats(LUMA, [3, 1])]), graph.float(0.5)]), 'uint8');
  }
}
