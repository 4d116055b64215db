import { z } from 'zod';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import { cellOf, defineEncoder, sideOption } from './encoder.ts';

const OPTIONS = z.strictObject({
  width: sideOption(160).describe('Width of the picture it works on, pixels.'),
  height: sideOption(120).describe('Height of it, pixels.'),
  columns: z.int().min(1).max(64).default(8).describe('Cells across. They must divide the width.'),
  rows: z.int().min(1).max(64).default(6).describe('Cells down. They must divide the height.'),
  focalX: z.number().min(0.1).max(10).default(0.82).describe('Focal length as a share of the width of the picture: 525 / 640 is that of a Kinect.'),
  focalY: z.number().min(0.1).max(10).default(1.09).describe('Focal length as a share of the height of the picture.'),
  tiltDegrees: z.number().min(-90).max(90).default(0).describe('How far the camera looks down from level, degrees.'),
  mountMetres: z.number().min(-100).max(100).default(0).describe('Height of the camera above the floor, metres.'),
  jump: z.number().min(0.001).max(10).default(0.1).describe('Neighbours that differ by more than this share of the distance are different things: no surface between them.'),
});

type Options = z.output<typeof OPTIONS>;

/**
 * Surfaces of a depth picture: for each cell the mean normal (right, up, towards the camera, levelled by the tilt), the mean height above the floor
 * in metres, and the share of pixels that a surface was measured at; all 0 where none was. Points by the pinhole model, normals by the cross
 * product of central differences. Shape `[rows, columns, 5]`.
 */
export const depthNormals = defineEncoder({
  name: 'depth-normals', version: '1', modalities: ['depth'],
  summary: 'Where surfaces face and how high they are: floor, walls, and what stands between.',
  options: OPTIONS,
  examples: [{}, { tiltDegrees: 30, mountMetres: 2.6 }],
  plan: (options) => {
    const cell = cellOf('depth-normals', options, options);
    return {
      size: { width: options.width, height: options.height },
      shape: [options.rows, options.columns, 5],
      write: (graph, picture) => {
        const distance = picture.intensity().value;
        const surfaces = surfacesOf(graph, options, distance);
        const mean = graph.op('AveragePool', [surfaces], { kernel_shape: [cell.height, cell.width], strides: [cell.height, cell.width] });
        const share = graph.slice(mean, 1, 4, 5);
        const least = graph.float(0.5 / (cell.width * cell.height)); // half a pixel: nothing is divided by nothing
        const feature = graph.op('Concat', [graph.op('Div', [graph.slice(mean, 1, 0, 4), graph.op('Max', [share, least])]), share], { axis: 1 });
        return { feature: graph.op('Transpose', [feature], { perm: [0, 2, 3, 1] }) };
      },
    };
  },
});

/** `[n, 5, height, width]`: normal, height above the floor and 1, where a surface was measured, else 0. */
function surfacesOf(graph: GraphBuilder, options: Options, distance: Value): Value {
  const { width, height, jump, mountMetres } = options;
  const points = levelled(graph, options, distance);
  const inner = (value: Value, down: number, across: number): Value => ( // without the border, moved
    graph.op('Slice', [value, graph.ints([1 + down, 1 + across]), graph.ints([height - 1 + down, width - 1 + across]), graph.ints([2, 3])])
  );
  const neighbours = [[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0]] as const;
  const nearest = graph.op('Min', neighbours.map(([down, across]) => inner(distance, down, across)));
  const farthest = graph.op('Max', neighbours.map(([down, across]) => inner(distance, down, across)));
  const isOne = graph.op('Less', [graph.op('Sub', [farthest, nearest]), graph.op('Mul', [inner(distance, 0, 0), graph.float(jump)])]);
  const isSurface = graph.cast(graph.op('And', [graph.op('Greater', [nearest, graph.float(0)]), isOne]), 'float32');
  const across = graph.op('Sub', [inner(points, 0, 1), inner(points, 0, -1)]);
  const down = graph.op('Sub', [inner(points, 1, 0), inner(points, -1, 0)]);
  const height1 = graph.op('Add', [graph.slice(inner(points, 0, 0), 1, 1, 2), graph.float(mountMetres)]);
  const found = graph.op('Mul', [graph.op('Concat', [unit(graph, cross(graph, down, across)), height1], { axis: 1 }), isSurface]);
  return graph.op('Pad', [graph.op('Concat', [found, isSurface], { axis: 1 }), graph.ints([0, 0, 1, 1, 0, 0, 1, 1])]);
}

/** Points in metres from the camera, `[n, 3, height, width]`: right, up, towards where the camera stands. */
function levelled(graph: GraphBuilder, { width, height, focalX, focalY, tiltDegrees }: Options, distance: Value): Value {
  const tilt = tiltDegrees * Math.PI / 180;
  const rays = new Float32Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const index = row * width + column;
      const up = (height / 2 - (row + 0.5)) / (focalY * height);
      rays[index] = (column + 0.5 - width / 2) / (focalX * width);
      rays[width * height + index] = up * Math.cos(tilt) - Math.sin(tilt);
      rays[2 * width * height + index] = -up * Math.sin(tilt) - Math.cos(tilt);
    }
  }
  return graph.op('Mul', [distance, graph.floats(rays, [1, 3, height, width])]);
}

function cross(graph: GraphBuilder, one: Value, other: Value): Value {
  const turned = (value: Value, by: 1 | 2): Value => graph.op('Concat', [graph.slice(value, 1, by, 3), graph.slice(value, 1, 0, by)], { axis: 1 });
  return graph.op('Sub', [graph.op('Mul', [turned(one, 1), turned(other, 2)]), graph.op('Mul', [turned(one, 2), turned(other, 1)])]);
}

function unit(graph: GraphBuilder, vector: Value): Value {
  const length = graph.op('Sqrt', [graph.op('ReduceSum', [graph.op('Mul', [vector, vector]), graph.ints([1])])]);
  return graph.op('Div', [vector, graph.op('Max', [length, graph.float(1e-12)])]);
}
