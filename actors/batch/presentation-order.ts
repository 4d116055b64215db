import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';

/** More than a decoder reorders: 16 pictures in H.264 and H.265. */
const REORDER_MAX = 32;
/** More units than can be between reader and detector. A power of two. */
const REMEMBERED = 8192;

/** Numbers the pictures of a file as they are shown; frameSeq counts them as they are stored, which differs where there are B-frames. */
export class PresentationOrder {
  readonly #pts = new Float64Array(REMEMBERED);
  #count = 0;

  /** Takes the next unit of the file. */
  add(unit: SourceUnit): void {
    this.#pts[this.#count % REMEMBERED] = unit.pts ?? Number.NaN;
    this.#count += 1;
  }

  /** How many pictures are shown before this one. Every unit up to it, and those shown before it, must have been added. */
  indexOf(frameSeq: number): number {
    const pts = this.#ptsOf(frameSeq);
    let index = frameSeq; // also the answer where times are unknown: comparisons with NaN are false
    for (let other = Math.max(0, frameSeq - REORDER_MAX); other < frameSeq; other += 1) if (this.#ptsOf(other) > pts) index -= 1;
    for (let other = frameSeq + 1; other < Math.min(this.#count, frameSeq + REORDER_MAX); other += 1) if (this.#ptsOf(other) < pts) index += 1;
    return index;
  }

  #ptsOf(frameSeq: number): number {
    return this.#pts[frameSeq % REMEMBERED] ?? Number.NaN;
  }
}

/** Gives detected records the number of their picture as it is shown, on their way to `output`. `orders`: one for each camera. */
export function numberedAsShown(orders: ReadonlyMap<CameraId, PresentationOrder>, output: OutPort<TerminalRecord>): OutPort<TerminalRecord> {
  const numbered = (item: Envelope<TerminalRecord>): Envelope<TerminalRecord> => {
    const order = orders.get(item.key);
    return item.body.kind === 'detected' && order ? { ...item, body: { ...item.body, frameSeq: order.indexOf(item.body.frameSeq) } } : item;
  };
  return { push: (items, signal) => output.push(items.map(numbered), signal), room: signal => output.room(signal) };
}
