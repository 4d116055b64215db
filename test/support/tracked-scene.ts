import { objectsAt, VISIBLE_MIN } from '../../src/ingress/scene.ts';
import { parseSyntheticUri } from '../../src/ingress/synthetic.ts';
import { epochMicros, type EpochMicros } from '../../src/engine/units.ts';
import type { Box } from '../../src/messages/terminal-record.ts';
import type { Tracker } from '../../src/feature-ops/trackers/tracker.ts';
import { motScore, type MotScore, type NamedBox } from './mot-score.ts';
import { seeded } from './small-models.ts';

/** How bad the detector is that looks at a scene. */
export interface Flaws {
  /** Share of objects that it does not see in a frame. */
  readonly missed: number;
  /** Boxes a frame where there is nothing. */
  readonly invented: number;
  /** Pixels that its corners are off by, at most. */
  readonly offBy: number;
  readonly seed: number;
}

/** A frame of a scene: its objects by name, and what a detector with flaws says. The score falls with the part that is hidden. */
export interface SceneFrame { readonly at: EpochMicros; readonly truth: readonly NamedBox[]; readonly boxes: readonly Box[] }

/** Frames of a synthetic scene, `intervals` seconds apart, in turn. */
export function sceneFrames(uri: string, { seconds, intervals, flaws }: { readonly seconds: number; readonly intervals: readonly number[]; readonly flaws: Flaws }): SceneFrame[] {
  const { scene } = parseSyntheticUri(uri);
  const random = seeded(flaws.seed);
  const off = (): number => (random() * 2 - 1) * flaws.offBy;
  const visits = new Visits();
  const frames: SceneFrame[] = [];
  for (let t = 0, step = 0; t < seconds; t += intervals[step++ % intervals.length]!) {
    visits.see(scene.movers.map(({ x }) => x.at(t)), scene.width);
    const objects = objectsAt(scene, t).filter(({ x1, x2, y1, y2 }) => x2 - x1 > 4 && y2 - y1 > 4);
    const boxes: Box[] = [];
    for (const { label, visible, mover: _, ...place } of objects) {
      if (visible < 0.25 || random() < flaws.missed) continue;
      boxes.push({ classId: label === 'person' ? 0 : label === 'car' ? 1 : 2, label, score: Math.min(0.98, 0.15 + 0.8 * visible + 0.05 * random()), x1: place.x1 + off(), y1: place.y1 + off(), x2: place.x2 + off(), y2: place.y2 + off() });
    }
    if (random() < flaws.invented) boxes.push({ classId: 0, label: 'person', score: 0.3 + 0.4 * random(), ...boxAt(random() * (scene.width - 30), random() * (scene.height - 60)) });
    boxes.sort((a, b) => b.score - a.score);
    frames.push({ at: epochMicros(Math.round(t * 1e6)), boxes, truth: objects.filter(({ visible }) => visible >= VISIBLE_MIN).map(({ mover, x1, y1, x2, y2 }) => ({ id: visits.idOf(mover), x1, y1, x2, y2 })) });
  }
  return frames;
}

/** A mover that has left on one side comes in again on the other, as somebody else. */
class Visits {
  readonly #counts: number[] = [];
  #last: readonly number[] = [];

  see(places: readonly number[], width: number): void {
    for (const [mover, x] of places.entries()) this.#counts[mover] = (this.#counts[mover] ?? 0) + (Math.abs(x - (this.#last[mover] ?? x)) > 0.6 * width ? 1 : 0);
    this.#last = places;
  }

  idOf(mover: number): number { return mover * 1000 + (this.#counts[mover] ?? 0); }
}

function boxAt(x1: number, y1: number): { x1: number; y1: number; x2: number; y2: number } {
  return { x1, y1, x2: x1 + 30, y2: y1 + 60 };
}

/** Follows the objects of a scene and scores that. Boxes of objects that are mostly hidden count neither way, as in the truth. */
export function scoreTracker(tracker: Tracker, frames: readonly SceneFrame[]): MotScore {
  return motScore(frames.map(({ at, truth, boxes }) => ({
    truth, found: tracker.track(at, boxes).flatMap(({ trackId, score, x1, y1, x2, y2 }) => (trackId === undefined || score < 0.5 ? [] : [{ id: trackId, x1, y1, x2, y2 }])),
  })));
}
