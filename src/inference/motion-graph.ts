import type { ModelProto } from './graph/generated/onnx_pb.js';
import { GraphBuilder } from './graph/graph-builder.ts';
import type { Value } from './graph/graph-builder.ts';
import { GEOMETRY, GEOMETRY_COLUMNS, rowsInSource } from './geometry.ts';

/** Numbers of the motion detector. Grey levels are 0..255; times are frames. */
export interface MotionSettings {
  /** Working picture, multiples of `cell`. */
  readonly width: number;
  readonly height: number;
  /** Side of the squares in which parts of one object are joined, pixels. */
  readonly cell: number;
  /** Least moving pixels of a square that belongs to an object. */
  readonly cellMin: number;
  /** Rounds of labelling, each some steps to neighbours and a jump. Enough to join an object across the whole picture unless it winds much. */
  readonly rounds: number;
  /** Steps of a round. */
  readonly steps: number;
  /** Share of a new frame in the background, once learnt. */
  readonly learningRate: number;
  /** Least difference from the background that counts, grey levels. */
  readonly contrastMin: number;
  /** Differences below this many mean deviations are noise. */
  readonly deviations: number;
  /** Least moving pixels of an object. */
  readonly areaMin: number;
  /** A pixel that differs and stands still for so long belongs to the background. */
  readonly settleFrames: number;
  /** The same while the background is young: what the first frame held and has left since. */
  readonly youngSettleFrames: number;
  /** So long is a background young, frames. */
  readonly youngFrames: number;
  /** Differences below this share of the strongest one nearby are shadow, reflection or exposure. */
  readonly haloMax: number;
  /** Changes of the light are measured at the points of a grid, so many pixels apart. */
  readonly lightStep: number;
  /** Pixels that differ from the mean change by more are objects, grey levels. */
  readonly lightMax: number;
  /** When more than this share of the picture differs, the scene has changed and is learnt anew. */
  readonly sceneChange: number;
  /** The same for the share that began to differ with this frame: a lamp, not an object. */
  readonly suddenChange: number;
}

/** For cameras of 10 to 30 frames per second. */
export const MOTION_SETTINGS: MotionSettings = {
  width: 320, height: 180, cell: 2, cellMin: 2, rounds: 4, steps: 6, learningRate: 0.04, contrastMin: 8, deviations: 5, areaMin: 40,
  settleFrames: 60, youngSettleFrames: 8, youngFrames: 45, haloMax: 0.2, lightStep: 4, lightMax: 20, sceneChange: 0.6, suddenChange: 0.25,
};

/** State tensors that go from one frame of a stream to the next, float32, with their dimensions. All zero at the start. */
export function motionState({ width, height }: MotionSettings = MOTION_SETTINGS): Readonly<Record<'mean' | 'deviation' | 'strength' | 'age' | 'seen', readonly number[]>> {
  const plane = [1, 1, height, width];
  return { mean: [1, 3, height, width], deviation: plane, strength: plane, age: plane, seen: [1] };
}

/** What the graph starts from: a picture and what is known of its background. */
interface Pictures {
  /** `[1, 3, height, width]`, as `mean`. */
  readonly frame: Value;
  readonly mean: Value;
  /** Mean absolute difference of what is background. */
  readonly deviation: Value;
  /** Difference from the background one frame ago. */
  readonly strength: Value;
  /** Frames for which the pixel has differed and stood still. */
  readonly age: Value;
  /** Frames that the background is made from, `[1]`. */
  readonly seen: Value;
}

/** The picture differs from the background here. */
interface Foreground {
  /** Float 0 or 1, `[1, 1, height, width]`: differs by more than noise. */
  readonly mask: Value;
  /** Without halos, neither those of smoothing nor those of light: outlines to the pixel. */
  readonly tight: Value;
  /** Difference over threshold. */
  readonly ratio: Value;
  /** Frame minus background minus the change of the light, `[1, 3, height, width]`. */
  readonly difference: Value;
  /** The greatest of its channels, smoothed. */
  readonly strength: Value;
  /** Least strength that is not noise. */
  readonly threshold: Value;
}

/**
 * Writes the motion detector as one graph: background subtraction with selective update, adaptive thresholds and connected components.
 * Inputs: `frame` uint8 `[1, height, width, 3]`, `geometry` and the tensors of `motionState`. Outputs: `detections` float32 `[m, 7]` in source pixels,
 * and the new state under `next_` names. After Wren et al. 1997 (running Gaussian) and Cucchiara et al. 2003 (ghosts: differences whose
 * outline is in the background and not in the picture).
 */
export function motionGraph(settings: MotionSettings = MOTION_SETTINGS): ModelProto {
  const { width, height } = settings;
  const graph = new GraphBuilder('motion');
  const image = graph.op('Transpose', [graph.input('frame', 'uint8', [1, height, width, 3])], { perm: [0, 3, 1, 2] });
  const shapes = motionState(settings);
  const known = (name: keyof typeof shapes): Value => graph.input(name, 'float32', shapes[name]);
  const pictures = { frame: graph.cast(image, 'float32'), mean: known('mean'), deviation: known('deviation'), strength: known('strength'), age: known('age'), seen: known('seen') };

  const foreground = findForeground(graph, settings, pictures);
  const components = findComponents(graph, settings, foreground, pictures);
  const state = updateState(graph, settings, foreground, { ...pictures, ghosts: components.ghosts });

  const geometry = graph.input(GEOMETRY, 'float32', [1, GEOMETRY_COLUMNS]);
  graph.output(rowsInSource(graph, components.detections, geometry), 'detections', 'float32', ['found', 7]);
  for (const [name, value] of Object.entries(state)) graph.output(value, `next_${name}`, 'float32', shapes[name as keyof typeof shapes]);
  return graph.build();
}

function findForeground(graph: GraphBuilder, settings: MotionSettings, { frame, mean, deviation, seen }: Pictures): Foreground {
  const difference = graph.op('Sub', [frame, graph.op('Mul', [mean, gainOfLight(graph, settings, frame, mean)])]);
  const strongest = (value: Value): Value => graph.op('Max', [0, 1, 2].map((channel) => graph.op('Abs', [graph.slice(value, 1, channel, channel + 1)])));
  const strength = strongest(graph.op('AveragePool', [difference], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 0 }));
  const threshold = graph.op('Max', [graph.op('Mul', [deviation, graph.float(settings.deviations)]), graph.float(settings.contrastMin)]);
  const known = graph.op('Greater', [seen, graph.float(0)]); // the first frame is all background
  const differs = graph.op('And', [graph.op('Greater', [strength, threshold]), known]);
  const tightMin = graph.op('Max', [threshold, haloLimit(graph, settings, strength)]);
  const sharp = graph.op('And', [differs, graph.op('Greater', [graph.op('Min', [strength, strongest(difference)]), tightMin])]);
  return { mask: graph.cast(differs, 'float32'), tight: graph.cast(sharp, 'float32'), ratio: graph.op('Div', [strength, threshold]), difference, strength, threshold };
}

/** How much brighter the picture is than the background, by channel, `[1, 3, 1, 1]`: exposure and lamps multiply. */
function gainOfLight(graph: GraphBuilder, { width, height, lightStep, lightMax }: MotionSettings, frame: Value, mean: Value): Value {
  const half = Math.floor(lightStep / 2);
  const samplesOf = (value: Value): Value => graph.op('Slice', [value, graph.ints([half, half]), graph.ints([height, width]), graph.ints([2, 3]), graph.ints([lightStep, lightStep])]);
  const sum = (value: Value): Value => graph.op('ReduceSum', [value, graph.ints([2, 3])]);
  const [now, before] = [samplesOf(frame), samplesOf(mean)];
  const gain = (part: Value): Value => graph.op('Div', [graph.op('Add', [sum(graph.op('Mul', [now, part])), graph.float(1)]), graph.op('Add', [sum(graph.op('Mul', [before, part])), graph.float(1)])]);
  const near = (rough: Value): Value => (
    graph.cast(graph.op('Less', [graph.op('Abs', [graph.op('Sub', [now, graph.op('Mul', [before, rough])])]), graph.float(lightMax)]), 'float32')
  );
  return gain(near(gain(graph.floats([1], [1, 1, 1, 1])))); // objects pull the plain ratio along, so the second is over what lies near it
}

/** Strength below which a difference counts as the halo of a stronger one nearby, `[1, 1, height, width]`. */
function haloLimit(graph: GraphBuilder, { haloMax }: MotionSettings, strength: Value): Value {
  const peaks = graph.op('MaxPool', [strength], { kernel_shape: [4, 4], strides: [4, 4] });
  const around = graph.op('MaxPool', [graph.op('MaxPool', [peaks], { kernel_shape: [1, 9], pads: [0, 4, 0, 4] })], { kernel_shape: [9, 1], pads: [4, 0, 4, 0] });
  return enlarged(graph, graph.op('Mul', [around, graph.float(haloMax)]), 4);
}

/** Each value as a square of `factor` pixels. */
function enlarged(graph: GraphBuilder, value: Value, factor: number): Value {
  return graph.op('Resize', [value, undefined, graph.floats([1, 1, factor, factor])], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' });
}

function findComponents(graph: GraphBuilder, settings: MotionSettings, foreground: Foreground, pictures: Pictures): { detections: Value; ghosts: Value } {
  const { width, height, cell } = settings;
  const [columns, rows] = [width / cell, height / cell];
  const cells = rows * columns;
  const tile = { kernel_shape: [cell, cell], strides: [cell, cell] };
  const sums = graph.op('Concat', [
    graph.op('AveragePool', [graph.op('Concat', [foreground.tight, graph.op('Mul', [foreground.ratio, foreground.tight])], { axis: 1 })], tile),
    edgeStrengths(graph, settings, foreground.tight, pictures),
  ], { axis: 1 });
  const active = graph.cast(graph.op('Greater', [graph.slice(sums, 1, 0, 1), graph.float((settings.cellMin - 0.5) / (cell * cell))]), 'float32');
  const labels = labelCells(graph, settings, active);
  const label = graph.cast(graph.reshape(labels, [1, cells]), 'int64');
  // Few squares are active, and scattering costs by the square: only they take part.
  const chosen = graph.reshape(graph.slice(graph.op('NonZero', [label]), 0, 1, 2), [-1]);
  const index = graph.op('Expand', [graph.op('Gather', [label, chosen], { axis: 1 }), graph.ints([4, 1])]);
  const empty = graph.op('ConstantOfShape', [graph.ints([4, cells + 1])]);
  const scatter = (values: Value, reduction: string): Value =>
    graph.op('ScatterElements', [empty, index, graph.op('Gather', [graph.reshape(values, [4, cells]), chosen], { axis: 1 })], { axis: 1, reduction });
  const extents = scatter(extentsOf(graph, settings, foreground.tight), 'max');
  const totals = scatter(sums, 'add');
  const area = graph.slice(totals, 0, 0, 1);
  const isGhost = graph.op('Greater', [graph.slice(totals, 0, 3, 4), graph.op('Mul', [graph.slice(totals, 0, 2, 3), graph.float(1.25)])]);
  const isObject = graph.op('And', [graph.op('Greater', [area, graph.float((settings.areaMin - 0.5) / (cell * cell))]), graph.op('Not', [isGhost])]);
  const ghostCells = graph.op('GatherElements', [graph.cast(isGhost, 'float32'), label], { axis: 1 });
  const ghosts = enlarged(graph, graph.reshape(ghostCells, [1, 1, rows, columns]), cell);
  return { detections: rowsOf(graph, { width, height, extents, totals, isObject }), ghosts };
}

/**
 * Connected components of the active squares, 8-connected: each gets the number of its last square, 1 up; 0 is background. `[1, 1, rows, columns]`.
 * A label is also the place of a square of the same component, so following it doubles the reach of each round (pointer jumping, Shiloach and Vishkin 1982).
 */
function labelCells(graph: GraphBuilder, settings: MotionSettings, active: Value): Value {
  const [rows, columns] = [settings.height / settings.cell, settings.width / settings.cell];
  const cells = rows * columns;
  const numbers = Array.from({ length: cells }, (_, index) => index + 1);
  let labels = graph.op('Mul', [active, graph.floats(numbers, [1, 1, rows, columns])]);
  for (let round = 0; round < settings.rounds; round++) {
    for (let step = 0; step < settings.steps; step++) {
      labels = graph.op('Mul', [graph.op('MaxPool', [labels], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), active]);
    }
    const place = graph.op('Max', [graph.op('Sub', [labels, graph.float(1)]), graph.float(0)]);
    const followed = graph.op('Gather', [graph.reshape(labels, [cells]), graph.cast(place, 'int64')], { axis: 0 });
    labels = graph.op('Mul', [followed, active]);
  }
  return labels;
}

/** `[1, 2, rows, columns]`: mean edge strength of the picture and of the background along the inside of the foreground's outline. */
function edgeStrengths(graph: GraphBuilder, settings: MotionSettings, mask: Value, pictures: Pictures): Value {
  const { width, height, cell } = settings;
  const outside = graph.op('MaxPool', [graph.op('Sub', [graph.float(1), mask])], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  const outline = graph.op('Mul', [outside, mask]);
  const green = (value: Value): Value => graph.slice(value, 1, 1, 2); // stands for brightness
  const both = graph.op('Concat', [green(pictures.frame), green(pictures.mean)], { axis: 1 });
  const inner = (value: Value, top: number, left: number): Value => // the picture without its border, moved
    graph.op('Slice', [value, graph.ints([top, left]), graph.ints([top + height - 2, left + width - 2]), graph.ints([2, 3])]);
  const across = graph.op('Abs', [graph.op('Sub', [inner(both, 1, 2), inner(both, 1, 0)])]);
  const down = graph.op('Abs', [graph.op('Sub', [inner(both, 2, 1), inner(both, 0, 1)])]);
  const strength = graph.op('Mul', [graph.op('Add', [across, down]), inner(outline, 1, 1)]);
  return graph.op('AveragePool', [strength], { kernel_shape: [cell, cell], strides: [cell, cell], pads: [1, 1, 1, 1], count_include_pad: 1 });
}

/** `[1, 4, rows, columns]`: for each square how far its pixels reach to the left, right, top and bottom, from the border opposite, so that a maximum finds the extent; 0: none. */
function extentsOf(graph: GraphBuilder, { width, height, cell }: MotionSettings, mask: Value): Value {
  const reaches = (length: number): readonly number[] => [...Array.from({ length }, (_, at) => length - at), ...Array.from({ length }, (_, at) => at + 1)];
  const pool = (value: Value, size: readonly [number, number]): Value => graph.op('MaxPool', [value], { kernel_shape: size, strides: size });
  const across = pool(graph.op('Mul', [pool(mask, [cell, 1]), graph.floats(reaches(width), [1, 2, 1, width])]), [1, cell]);
  const down = pool(graph.op('Mul', [pool(mask, [1, cell]), graph.floats(reaches(height), [1, 2, height, 1])]), [cell, 1]);
  return graph.op('Concat', [across, down], { axis: 1 });
}

function rowsOf(graph: GraphBuilder, parts: { width: number; height: number; extents: Value; totals: Value; isObject: Value }): Value {
  const chosen = graph.reshape(graph.slice(graph.op('NonZero', [parts.isObject]), 0, 1, 2), [-1]);
  const pick = (from: Value, row: number): Value => graph.reshape(graph.op('Gather', [graph.slice(from, 0, row, row + 1), chosen], { axis: 1 }), [-1, 1]);
  const [width, height] = [graph.float(parts.width), graph.float(parts.height)];
  const corners = [graph.op('Sub', [width, pick(parts.extents, 0)]), graph.op('Sub', [height, pick(parts.extents, 2)]), pick(parts.extents, 1), pick(parts.extents, 3)] as const;
  const strength = graph.op('Div', [pick(parts.totals, 1), pick(parts.totals, 0)]);
  const zero = graph.op('Mul', [strength, graph.float(0)]);
  const all = graph.op('Concat', [zero, zero, graph.op('Div', [strength, graph.op('Add', [strength, graph.float(1)])]), ...corners], { axis: 1 });
  return graph.op('Compress', [all, isOutermost(graph, corners)], { axis: 0 });
}

/** Bool `[m]`: false for a box that lies mostly inside a larger one, a loose part of the same object. Corners are `[m, 1]` each. */
function isOutermost(graph: GraphBuilder, [left, top, right, bottom]: readonly [Value, Value, Value, Value]): Value {
  const turned = (value: Value): Value => graph.op('Transpose', [value], { perm: [1, 0] });
  const shared = (low: Value, high: Value): Value => graph.op('Max', [
    graph.op('Sub', [graph.op('Min', [high, turned(high)]), graph.op('Max', [low, turned(low)])]), graph.float(0),
  ]);
  const area = graph.op('Mul', [graph.op('Sub', [right, left]), graph.op('Sub', [bottom, top])]);
  const inside = graph.op('GreaterOrEqual', [graph.op('Mul', [shared(left, right), shared(top, bottom)]), graph.op('Mul', [area, graph.float(0.7)])]);
  const hidden = graph.op('And', [inside, graph.op('Greater', [turned(area), area])]);
  return graph.op('Less', [graph.reshape(graph.op('ReduceSum', [graph.cast(hidden, 'float32'), graph.ints([1])]), [-1]), graph.float(0.5)]);
}

function updateState(graph: GraphBuilder, settings: MotionSettings, foreground: Foreground, old: Pictures & { readonly ghosts: Value }): Record<keyof ReturnType<typeof motionState>, Value> {
  const [zero, one] = [graph.float(0), graph.float(1)];
  const { mask, strength, threshold } = foreground;
  const more = (value: Value, than: Value): Value => graph.op('Greater', [value, than]);
  const either = (...conditions: readonly [Value, ...Value[]]): Value => conditions.reduce((left, right) => graph.op('Or', [left, right]));
  const shareOf = (part: Value): Value => graph.op('ReduceMean', [part], { keepdims: 0 });
  const isStill = more(threshold, graph.op('Abs', [graph.op('Sub', [strength, old.strength])]));
  const settled = graph.op('Mul', [graph.op('Where', [isStill, graph.op('Add', [old.age, one]), graph.op('Mul', [old.age, graph.float(0.5)])]), mask]);
  const isYoung = more(graph.float(settings.youngFrames), old.seen);
  const isSettled = more(settled, graph.op('Where', [isYoung, graph.float(settings.youngSettleFrames), graph.float(settings.settleFrames)]));
  const isSudden = more(shareOf(graph.op('Mul', [mask, graph.cast(more(threshold, old.strength), 'float32')])), graph.float(settings.suddenChange));
  const isNew = either(isSudden, more(shareOf(mask), graph.float(settings.sceneChange)), more(graph.float(0.5), old.seen));
  const isTaken = either(isSettled, more(old.ghosts, zero), isNew);
  const rate = graph.op('Max', [graph.op('Div', [one, graph.op('Add', [old.seen, one])]), graph.float(settings.learningRate)]);
  const background = graph.op('Mul', [graph.op('Sub', [one, mask]), rate]);
  const unlearnt = graph.op('Mul', [graph.op('Where', [isTaken, zero, graph.op('Sub', [one, background])]), foreground.difference]);
  return {
    mean: graph.op('Sub', [old.frame, unlearnt]), // keeps the change of the light where nothing is learnt
    deviation: graph.op('Where', [isNew, one, graph.op('Add', [old.deviation, graph.op('Mul', [background, graph.op('Sub', [strength, old.deviation])])])]),
    strength,
    age: graph.op('Where', [isTaken, zero, settled]),
    seen: graph.op('Where', [isNew, one, graph.op('Min', [graph.op('Add', [old.seen, one]), graph.float(1e6)])]),
  };
}
