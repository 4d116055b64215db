import type { ForeignModel } from '../../src/inference/families/family.ts';
import { chooseFamily } from '../../src/inference/families/index.ts';
import { parseModel, serializeModel } from '../../src/inference/graph/model-file.ts';
import { foreignModel } from '../../src/inference/load-detector.ts';
import { openSession } from '../../src/inference/session.ts';
import { wrapModel } from '../../src/inference/wrap-model.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { noWarning } from './small-models.ts';

/** A file as families see it. */
export function foreignOf(bytes: Uint8Array): ForeignModel {
  return foreignModel(parseModel(bytes));
}

/** How a frame lies in its source: scale x and y, pad x and y, source width and height. */
export type Geometry = readonly [number, number, number, number, number, number];

/** The rows that a file's common graph gives for one frame of a single colour, as it stands in the frame's memory. */
export async function wrappedRows(family: string, bytes: Uint8Array, options: { readonly scoreMin: number; readonly iouMax?: number; readonly colour?: readonly number[]; readonly geometry?: Geometry }): Promise<number[][]> {
  const foreign = foreignOf(bytes);
  const { plan } = chooseFamily(family, foreign);
  const { width, height } = plan.shape;
  const session = await openSession(serializeModel(wrapModel(foreign, plan)), { providers: ['cpu'], warn: noWarning });
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => options.colour?.[index % 3] ?? 0);
  const { detections } = await session.run({
    frame: session.tensor('uint8', pixels, [1, height, width, 3]),
    geometry: session.tensor('float32', Float32Array.from(options.geometry ?? [1, 1, 0, 0, width, height]), [1, 6]),
    score_min: session.tensor('float32', Float32Array.of(options.scoreMin), [1]), iou_max: session.tensor('float32', Float32Array.of(options.iouMax ?? 0.45), [1]),
  });
  await session.close();
  const values = detections!.data as Float32Array;
  return Array.from({ length: detections!.dims[0]! }, (_, row) => [...values.subarray(row * 7, row * 7 + 7)]);
}

/** Corners of rows brought to source pixels and clipped, in plain JavaScript. */
export function toSource(rows: readonly (readonly number[])[], [scaleX, scaleY, padX, padY, width, height]: Geometry): number[][] {
  const clip = (value: number, limit: number): number => Math.min(Math.max(value, 0), limit);
  return rows.map(([batch, classId, score, x1, y1, x2, y2]) => [
    batch!, classId!, score!, clip((x1! - padX) / scaleX, width), clip((y1! - padY) / scaleY, height), clip((x2! - padX) / scaleX, width), clip((y2! - padY) / scaleY, height),
  ]);
}

/** What goes wrong, as code and message; `fine` when nothing does. */
export function failureOf(work: () => unknown): string {
  try {
    work();
    return 'fine';
  } catch (error) {
    return error instanceof PlatformError ? `${error.code}: ${error.message}` : `no platform error: ${String(error)}`;
  }
}
