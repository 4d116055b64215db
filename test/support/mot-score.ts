import { assign } from '../../src/feature-ops/trackers/assignment.ts';
import { overlap, type Corners } from '../../src/feature-ops/trackers/box-filter.ts';

/** A box with the name of its object. */
export interface NamedBox extends Corners { readonly id: number }

/** A frame: what is there and what a tracker said. */
export interface MotFrame { readonly truth: readonly NamedBox[]; readonly found: readonly NamedBox[] }

/** How well objects were followed. */
export interface MotScore {
  /** CLEAR-MOT (Bernardin & Stiefelhagen 2008, doi 10.1155/2008/246309): 1 - (misses + false positives + switches) / true boxes. */
  readonly mota: number;
  /** ID metrics (Ristani et al. 2016, arXiv:1609.01775): F1 of boxes under the best pairing of whole tracks. */
  readonly idf1: number;
  readonly misses: number;
  readonly falsePositives: number;
  readonly switches: number;
  readonly boxes: number;
}

/** A box is found by one that overlaps it by at least this much (intersection over union). */
const OVERLAP_MIN = 0.5;
/** More than any sum of real costs. */
const NEVER = 1e6;

/** Scores a sequence. Boxes that were matched in the frame before stay matched while they overlap, as CLEAR-MOT asks. */
export function motScore(frames: readonly MotFrame[]): MotScore {
  const last = new Map<number, number>();
  const totals = { misses: 0, falsePositives: 0, switches: 0, boxes: 0, found: 0 };
  for (const { truth, found } of frames) {
    const pairs = matchFrame(truth, found, last);
    totals.boxes += truth.length;
    totals.found += found.length;
    totals.misses += truth.length - pairs.length;
    totals.falsePositives += found.length - pairs.length;
    for (const [trueId, id] of pairs) {
      const before = last.get(trueId);
      if (before !== undefined && before !== id) totals.switches += 1;
      last.set(trueId, id);
    }
  }
  const { misses, falsePositives, switches, boxes, found } = totals;
  const idTruePositives = bestIdentityPairs(frames);
  return { mota: 1 - (misses + falsePositives + switches) / boxes, idf1: 2 * idTruePositives / (boxes + found), misses, falsePositives, switches, boxes };
}

function matchFrame(truth: readonly NamedBox[], found: readonly NamedBox[], last: ReadonlyMap<number, number>): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  const [openTruth, openFound] = [new Set(truth), new Set(found)];
  for (const box of truth) {
    const same = found.find(other => other.id === last.get(box.id));
    if (same === undefined || !openFound.has(same) || overlap(box, same) < OVERLAP_MIN) continue;
    pairs.push([box.id, same.id]);
    openTruth.delete(box);
    openFound.delete(same);
  }
  const [rows, columns] = [[...openTruth], [...openFound]];
  const cost = Float64Array.from({ length: rows.length * columns.length }, (_, at) => 1 - overlap(rows[Math.floor(at / columns.length)]!, columns[at % columns.length]!));
  for (let at = 0; at < cost.length; at += 1) if (cost[at]! > 1 - OVERLAP_MIN) cost[at] = NEVER;
  for (const [row, column] of assign(cost, rows.length, columns.length, NEVER / 2).entries()) if (column >= 0) pairs.push([rows[row]!.id, columns[column]!.id]);
  return pairs;
}

/** Most boxes that can be right when each true track is given one found track for the whole sequence. */
function bestIdentityPairs(frames: readonly MotFrame[]): number {
  const [trueIds, foundIds] = [[...new Set(frames.flatMap(({ truth }) => truth.map(({ id }) => id)))], [...new Set(frames.flatMap(({ found }) => found.map(({ id }) => id)))]];
  const [rowOf, columnOf] = [new Map(trueIds.map((id, row) => [id, row])), new Map(foundIds.map((id, column) => [id, column]))];
  const cost = new Float64Array(trueIds.length * foundIds.length);
  for (const { truth, found } of frames) {
    for (const box of truth) for (const other of found) if (overlap(box, other) >= OVERLAP_MIN) cost[rowOf.get(box.id)! * foundIds.length + columnOf.get(other.id)!]! -= 1;
  }
  const columns = assign(cost, trueIds.length, foundIds.length, 0);
  return -columns.reduce((sum, column, row) => sum + (column < 0 ? 0 : cost[row * foundIds.length + column]!), 0);
}
