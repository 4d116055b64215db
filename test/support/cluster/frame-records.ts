import { isDeepStrictEqual } from 'node:util';

/** A record as `GET /api/v1/records` shows it. */
interface RecordJson {
  readonly id: number; readonly kind: 'detected' | 'dropped'; readonly epoch: number; readonly capturedAt: string;
  readonly frameSeq?: number; readonly ptsSeconds?: number | null; readonly boxes?: readonly object[];
  readonly from?: number; readonly to?: number; readonly reason?: string;
}

/** How one frame ended, without what differs from run to run: epoch, times of work, ids of the store. */
export interface FrameRecord {
  readonly end: string;
  readonly ptsSeconds?: number | null;
  /** Since the first frame: a camera that plays a file lives in the present. */
  readonly offsetMs?: number;
  readonly boxes?: readonly object[];
}

const PAGE = 1000;

/** Every frame of a camera by its number, as an API serves them. Fails when a frame has two records. */
export async function frameRecords(url: string, camera: string): Promise<ReadonlyMap<number, FrameRecord>> {
  const frames = new Map<number, FrameRecord>();
  const put = (seq: number, record: FrameRecord): void => {
    if (frames.has(seq)) throw new Error(`frame ${seq} of ${camera} has several records`);
    frames.set(seq, record);
  };
  let firstMs = Number.NaN;
  for (let after = 0, isFull = true; isFull;) {
    const page = await (await fetch(`${url}/api/v1/records?camera=${camera}&after=${after}&limit=${PAGE}`)).json() as { readonly records: readonly RecordJson[]; readonly nextAfter: number; readonly isFull: boolean };
    for (const { kind, frameSeq = 0, ptsSeconds = null, capturedAt, boxes = [], from = 0, to = -1, reason = '' } of page.records) {
      if (frameSeq === 0 && from === 0) firstMs = Date.parse(capturedAt);
      if (kind === 'detected') put(frameSeq, { end: 'detected', ptsSeconds, offsetMs: Date.parse(capturedAt), boxes });
      else for (let seq = from; seq <= to; seq += 1) put(seq, { end: reason });
    }
    ({ nextAfter: after, isFull } = page);
  }
  return new Map([...frames].map(([seq, { offsetMs, ...frame }]) => [seq, offsetMs === undefined ? frame : { ...frame, offsetMs: offsetMs - firstMs }]));
}

/** Where two runs over the same pictures differ, as sentences; none when they are equal in every frame. */
export function differences(camera: string, ours: ReadonlyMap<number, FrameRecord>, theirs: ReadonlyMap<number, FrameRecord>): readonly string[] {
  const found: string[] = [];
  for (const seq of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(seq), theirs.get(seq)];
    if (!isSame(a, b)) found.push(`frame ${seq} of ${camera}: ${short(a)} in the cluster, ${short(b)} in one process`);
  }
  return found;
}

/** Milliseconds that two roundings of one event time may be apart. */
const ROUNDING_MS = 1;

function isSame(a: FrameRecord | undefined, b: FrameRecord | undefined): boolean {
  return isDeepStrictEqual({ ...a, offsetMs: 0 }, { ...b, offsetMs: 0 }) && Math.abs((a?.offsetMs ?? 0) - (b?.offsetMs ?? 0)) <= ROUNDING_MS;
}

function short(record: FrameRecord | undefined): string {
  return record === undefined ? 'missing' : JSON.stringify(record).slice(0, 150);
}
