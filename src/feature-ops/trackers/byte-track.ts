import { z } from 'zod';
import { definePlugin } from '../../engine/registry.ts';
import type { EpochMicros } from '../../engine/units.ts';
import type { Box } from '../../messages/terminal-record.ts';
import { assign } from './assignment.ts';
import { BoxFilter, overlap, type Corners } from './box-filter.ts';
import type { Tracker, TrackerFactory } from './tracker.ts';

const options = z.strictObject({
  scoreHigh: z.number().min(0).max(1).default(0.5).describe('Boxes of this score are matched first, and may begin an object if they are a tenth better.'),
  lostMs: z.int().min(0).max(600_000).default(1_000).describe('An object that is not seen for so long, and for three frames, is forgotten.'),
});

type Options = z.output<typeof options>;

/** How much of a box (1 - intersection over union) may differ from where its object should be, in each round (Zhang et al. 2022, section 3 and their code). */
const COST_MAX = { high: 0.8, low: 0.5, fresh: 0.7 } as const;
const BEGIN_MARGIN = 0.1;
/** Two objects this much alike are one. */
const TWIN_COST = 0.15;
/** An object is not forgotten before so many frames without it: cameras of one frame a second have few. */
const MISSES_MIN = 3;
/** Per camera and frame: work grows with their third power. Boxes come best first. */
const BOXES_MAX = 256;
const TRACKS_MAX = 512;

/** An object, or what may become one. */
interface Track {
  /** 0 until a second frame confirms it. */
  id: number;
  readonly classId: number;
  readonly filter: BoxFilter;
  readonly bornAt: number;
  /** Where it should be in this frame. */
  place: Corners;
  seenAt: number;
  misses: number;
}

/**
 * ByteTrack (Zhang et al. 2022, arXiv:2110.06864): good boxes are matched with all objects first, then poor ones with the objects still missing, so that an object that
 * is half hidden keeps its name. Objects are matched with boxes of their class. Where the paper counts frames, this counts time.
 */
class ByteTracker implements Tracker {
  readonly #options: Options;
  #nextId: number;
  #tracks: Track[] = [];
  #lastAt: number | undefined;

  constructor(chosen: Options, firstId: number) {
    this.#options = chosen;
    this.#nextId = firstId;
  }

  track(at: EpochMicros, boxes: readonly Box[]): readonly Box[] {
    if (this.#lastAt !== undefined && at < this.#lastAt) {
      this.#tracks = [];
      this.#lastAt = undefined;
    }
    const seconds = this.#lastAt === undefined ? 0 : (at - this.#lastAt) / 1e6;
    const isFirst = this.#lastAt === undefined;
    this.#lastAt = at;
    this.#forget(at);
    for (const track of this.#tracks) {
      track.filter.predict(seconds, track.misses > 0);
      track.place = track.filter.box();
    }
    const round: Round = { at, isFirst, found: new Map(), known: boxes.slice(0, BOXES_MAX).map((box, index) => ({ box, index })) };
    for (const classId of new Set([...this.#tracks, ...round.known.map(({ box }) => box)].map(each => each.classId))) this.#matchClass(classId, round);
    this.#mergeTwins();
    return boxes.map((box, index) => {
      const id = round.found.get(index)?.id ?? 0;
      return id === 0 ? box : { ...box, trackId: id };
    });
  }

  #matchClass(classId: number, round: Round): void {
    const { scoreHigh } = this.#options;
    const take = (track: Track, { box, index }: Candidate): void => {
      track.filter.update(box);
      track.place = box;
      track.seenAt = round.at;
      track.misses = 0;
      if (track.id === 0) track.id = this.#nextId++;
      round.found.set(index, track);
    };
    const boxes = round.known.filter(({ box }) => box.classId === classId);
    const tracks = this.#tracks.filter(track => track.classId === classId);
    const first = match(tracks.filter(({ id }) => id !== 0), boxes.filter(({ box }) => box.score >= scoreHigh), COST_MAX.high, take);
    const second = match(first.tracks.filter(({ misses }) => misses === 0), boxes.filter(({ box }) => box.score < scoreHigh), COST_MAX.low, take);
    const third = match(tracks.filter(({ id }) => id === 0), first.boxes, COST_MAX.fresh, take);
    for (const track of [...second.tracks, ...first.tracks.filter(({ misses }) => misses > 0)]) track.misses += 1;
    const gone = new Set(third.tracks); // what only one frame has seen
    this.#tracks = this.#tracks.filter(track => !gone.has(track));
    for (const candidate of third.boxes) if (candidate.box.score >= Math.min(1, scoreHigh + BEGIN_MARGIN)) this.#begin(candidate, round);
  }

  /** What is there in the first frame is taken for real at once. */
  #begin({ box, index }: Candidate, { at, isFirst, found }: Round): void {
    if (this.#tracks.length >= TRACKS_MAX && !this.#dropLongestLost()) return;
    const track: Track = { id: isFirst ? this.#nextId++ : 0, classId: box.classId, filter: new BoxFilter(box), bornAt: at, place: box, seenAt: at, misses: 0 };
    this.#tracks.push(track);
    found.set(index, track);
  }

  #forget(at: number): void {
    this.#tracks = this.#tracks.filter(({ misses, seenAt }) => misses < MISSES_MIN || at - seenAt <= this.#options.lostMs * 1000);
  }

  #dropLongestLost(): boolean {
    const [oldest] = this.#tracks.filter(({ misses }) => misses > 0).toSorted((a, b) => a.seenAt - b.seenAt);
    if (oldest === undefined) return false;
    this.#tracks.splice(this.#tracks.indexOf(oldest), 1);
    return true;
  }

  /** An object that was lost and one that is followed in its place: the older one stays. */
  #mergeTwins(): void {
    const lost = this.#tracks.filter(({ id, misses }) => id !== 0 && misses > 0);
    if (lost.length === 0) return;
    const twins = new Set<Track>();
    for (const seen of this.#tracks) {
      if (seen.id === 0 || seen.misses > 0) continue;
      for (const other of lost) {
        if (other.classId !== seen.classId || 1 - overlap(other.place, seen.place) >= TWIN_COST) continue;
        twins.add(seen.seenAt - seen.bornAt > other.seenAt - other.bornAt ? other : seen);
      }
    }
    this.#tracks = this.#tracks.filter(track => !twins.has(track));
  }
}

/** A box of the frame and its place in it. */
interface Candidate { readonly box: Box; readonly index: number }

/** A frame that is worked on: `found` are the objects of boxes, by their place in it. */
interface Round { readonly at: number; readonly isFirst: boolean; readonly found: Map<number, Track>; readonly known: readonly Candidate[] }

/** Pairs tracks with boxes at the least cost, hands the pairs to `take`, and gives what is left of both. */
function match(tracks: readonly Track[], boxes: readonly Candidate[], costMax: number, take: (track: Track, box: Candidate) => void): { readonly tracks: Track[]; readonly boxes: Candidate[] } {
  if (tracks.length === 0 || boxes.length === 0) return { tracks: [...tracks], boxes: [...boxes] };
  const cost = Float64Array.from({ length: tracks.length * boxes.length }, (_, at) => {
    const [track, candidate] = [tracks[Math.floor(at / boxes.length)], boxes[at % boxes.length]];
    return track && candidate ? 1 - overlap(track.place, candidate.box) : 1;
  });
  const columns = assign(cost, tracks.length, boxes.length, costMax);
  const taken = new Set<Candidate>();
  const left: Track[] = [];
  for (const [row, track] of tracks.entries()) {
    const candidate = boxes[columns[row] ?? -1];
    if (candidate === undefined) { left.push(track); continue; }
    taken.add(candidate);
    take(track, candidate);
  }
  return { tracks: left, boxes: boxes.filter(candidate => !taken.has(candidate)) };
}

/** See {@link ByteTracker}. */
export const byteTrack = definePlugin<TrackerFactory, undefined, typeof options>({
  type: 'byte-track',
  summary: 'follows objects by where their boxes should be next, poor boxes included, as ByteTrack does: fast, and needs nothing but boxes',
  options,
  examples: [{}, { scoreHigh: 0.6, lostMs: 3_000 }],
  create: chosen => firstId => new ByteTracker(chosen, firstId),
});
