import type { Raster } from '../../src/messages/raster.ts';

/** One value per pixel in the unit of the modality, in float64, written from the definitions and not from the graphs. */
export function intensityOf({ samples, channels, calibration }: Raster): number[] {
  const pixels = Array.from({ length: samples.length / channels }, (_, index) => samples.slice(index * channels, (index + 1) * channels));
  return pixels.map((pixel) => {
    const [first = 0, green = 0, blue = 0] = pixel;
    if (channels === 3) return (0.2125 * first + 0.7154 * green + 0.0721 * blue) / 255;
    if (calibration?.kind === 'depth') return first * calibration.metresPerStep;
    if (calibration?.kind === 'kelvin') return first * calibration.kelvinPerStep - 273.15;
    if (calibration?.kind === 'planck') {
      const { r1, r2, b, f, o } = calibration;
      return b / Math.log(r1 / (r2 * Math.max(1, first + o)) + f) - 273.15;
    }
    return first;
  });
}

interface HogOptions { readonly cell: number; readonly block: number; readonly orientations: number; readonly norm: 'l1' | 'l2-hys' }

/** `skimage.feature.hog` pixel by pixel. Whole-number luma, so that level gradients are exactly level. */
export function hogOracle(raster: Raster, { cell, block, orientations, norm }: HogOptions): number[] {
  const { width, height, samples, channels } = raster;
  const unit = channels === 3 ? 1 / 2_550_000 : 1;
  const grey = channels === 3
    ? Array.from({ length: width * height }, (_, at) => 2125 * samples[3 * at]! + 7154 * samples[3 * at + 1]! + 721 * samples[3 * at + 2]!)
    : intensityOf(raster);
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
  const cells = new Float64Array(rows * columns * orientations);
  for (let y = 0; y < rows * cell; y++) {
    for (let x = 0; x < columns * cell; x++) {
      const down = y === 0 || y === height - 1 ? 0 : grey[(y + 1) * width + x]! - grey[(y - 1) * width + x]!;
      const across = x === 0 || x === width - 1 ? 0 : grey[y * width + x + 1]! - grey[y * width + x - 1]!;
      const degrees = (Math.atan2(down, across) * 180 / Math.PI + 360) % 180;
      const bin = Math.min(orientations - 1, Math.floor(degrees / (180 / orientations)));
      cells[(Math.floor(y / cell) * columns + Math.floor(x / cell)) * orientations + bin]! += Math.hypot(down, across) * unit / (cell * cell);
    }
  }
  const features: number[] = [];
  for (let row = 0; row + block <= rows; row++) {
    for (let column = 0; column + block <= columns; column++) {
      const values: number[] = [];
      for (let y = row; y < row + block; y++) values.push(...cells.slice((y * columns + column) * orientations, (y * columns + column + block) * orientations));
      features.push(...normalised(values, norm));
    }
  }
  return features;
}

function normalised(values: readonly number[], norm: HogOptions['norm']): number[] {
  if (norm === 'l1') return values.map((value) => value / (values.reduce((sum, each) => sum + each, 0) + 1e-5));
  const byLength = (all: readonly number[]): number[] => {
    const length = Math.sqrt(all.reduce((sum, each) => sum + each * each, 0) + 1e-10);
    return all.map((value) => value / length);
  };
  return byLength(byLength(values).map((value) => Math.min(value, 0.2)));
}

/** Shares of the pixels by level, red, green and blue. */
export function colourHistogramOracle({ samples }: Raster, bins: number): number[] {
  const counts = new Array<number>(3 * bins).fill(0);
  samples.forEach((level, index) => { counts[(index % 3) * bins + Math.floor(level * bins / 256)]! += 1; });
  return counts.map((count) => count / (samples.length / 3));
}

/** Uniform patterns of the eight pixels around, by cell. */
export function lbpOracle(raster: Raster, columns: number, rows: number): number[] {
  const { width, height } = raster;
  const values = intensityOf(raster);
  const at = (x: number, y: number): number => values[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))]!;
  const shares = new Array<number>(rows * columns * 10).fill(0);
  const perCell = (width / columns) * (height / rows);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const around = [at(x + 1, y), at(x + 1, y - 1), at(x, y - 1), at(x - 1, y - 1), at(x - 1, y), at(x - 1, y + 1), at(x, y + 1), at(x + 1, y + 1)];
      const bits = around.map((value) => (value >= at(x, y) - 1e-9 ? 1 : 0));
      const changes = bits.filter((bit, index) => bit !== bits.at(index - 1)).length;
      const pattern = changes <= 2 ? bits.filter((bit) => bit === 1).length : 9;
      shares[(Math.floor(y / (height / rows)) * columns + Math.floor(x / (width / columns))) * 10 + pattern]! += 1 / perCell;
    }
  }
  return shares;
}

/** Mean change from one picture to the next by cell, with what is left of the energy before. */
export function motionOracle(pictures: readonly Raster[], { columns, rows, memory }: { readonly columns: number; readonly rows: number; readonly memory: number }): number[][] {
  let energy = new Array<number>(columns * rows).fill(0);
  return pictures.map((picture, index) => {
    const { width, height } = picture;
    const [now, before] = [intensityOf(picture), index === 0 ? undefined : intensityOf(pictures[index - 1]!)];
    const sums = new Array<number>(columns * rows).fill(0);
    now.forEach((value, pixel) => {
      const cell = Math.floor(Math.floor(pixel / width) / (height / rows)) * columns + Math.floor((pixel % width) / (width / columns));
      sums[cell]! += before === undefined ? 0 : Math.abs(value - before[pixel]!) * columns * rows / (width * height);
    });
    energy = energy.map((old, cell) => memory * old + (1 - memory) * sums[cell]!);
    return energy;
  });
}

type Vector = readonly [number, number, number];

interface SurfaceOptions { readonly columns: number; readonly rows: number; readonly focalX: number; readonly focalY: number; readonly tiltDegrees: number; readonly mountMetres: number; readonly jump: number }

/** Mean normal and height of the surfaces of each cell, and how much of it is surface. */
export function normalsOracle(raster: Raster, { columns, rows, focalX, focalY, tiltDegrees, mountMetres, jump }: SurfaceOptions): number[] {
  const { width, height } = raster;
  const distances = intensityOf(raster);
  const tilt = tiltDegrees * Math.PI / 180;
  const point = (x: number, y: number): Vector => {
    const z = distances[y * width + x]!;
    const [right, up] = [(x + 0.5 - width / 2) / (focalX * width) * z, -(y + 0.5 - height / 2) / (focalY * height) * z];
    return [right, up * Math.cos(tilt) - z * Math.sin(tilt), -up * Math.sin(tilt) - z * Math.cos(tilt)];
  };
  const cells = Array.from({ length: rows * columns }, () => ({ sums: [0, 0, 0, 0], count: 0 }));
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const around = [[x, y], [x + 1, y], [x - 1, y], [x, y + 1], [x, y - 1]].map(([column, row]) => distances[row! * width + column!]!);
      if (Math.min(...around) <= 0 || Math.max(...around) - Math.min(...around) >= jump * around[0]!) continue;
      const normal = crossed(minus(point(x, y + 1), point(x, y - 1)), minus(point(x + 1, y), point(x - 1, y)));
      const length = Math.hypot(...normal);
      const cell = cells[Math.floor(y / (height / rows)) * columns + Math.floor(x / (width / columns))]!;
      [normal[0] / length, normal[1] / length, normal[2] / length, point(x, y)[1] + mountMetres].forEach((value, index) => { cell.sums[index]! += value; });
      cell.count += 1;
    }
  }
  return cells.flatMap(({ sums, count }) => [...sums.map((sum) => (count === 0 ? 0 : sum / count)), count * columns * rows / (width * height)]);
}

function minus(a: Vector, b: Vector): Vector { return [a[0] - b[0], a[1] - b[1], a[2] - b[2]]; }
function crossed(a: Vector, b: Vector): Vector { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }

/** Minimum, maximum, mean, deviation, the places of maximum and minimum, and shares above limits. */
export function statisticsOracle(raster: Raster, above: readonly number[]): number[] {
  const values = intensityOf(raster);
  const { width, height } = raster;
  const [minimum, maximum] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const place = (value: number): number[] => { const index = values.indexOf(value); return [(index % width + 0.5) / width, (Math.floor(index / width) + 0.5) / height]; };
  return [minimum, maximum, mean, deviation, ...place(maximum), ...place(minimum), ...above.map((limit) => values.filter((value) => value > limit).length / values.length)];
}
