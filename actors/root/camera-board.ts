import type { ActorReport } from '../../src/engine/actor.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { Balance, CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import type { DropReason } from '../../src/messages/terminal-record.ts';
import type { CameraState, CameraView } from '../../src/serving-ops/service.ts';

/** Ages kept per camera for the percentiles: about ten seconds of a 25 fps camera. */
const AGES = 256;

/** What the root knows of one camera, put together from reports, balances and the record stream. */
export interface CameraFigures {
  readonly view: CameraView;
  readonly detectedPerSecond: number;
  /** Milliseconds from arrival to the end of inference, over the last frames; null before the first. */
  readonly ageP50Ms: number | null;
  readonly ageP99Ms: number | null;
  readonly boxes: number;
}

interface Entry {
  readonly row: CameraRow;
  readonly label: string;
  readonly isTemporary: boolean;
  state: CameraState;
  lastError: { readonly code: string; readonly message: string } | undefined;
  balances: readonly Balance[];
  received: number;
  detected: number;
  fps: number;
  detectedPerSecond: number;
  readonly ages: Float64Array;
  ageCount: number;
  boxes: number;
}

/** Figures of all cameras, for the live table and the API. Never asks anybody: it is told. */
export class CameraBoard {
  readonly #entries = new Map<CameraId, Entry>();
  #sampledAtMs = 0;

  add(row: CameraRow, label: string, isTemporary: boolean): void {
    this.#entries.set(row.id, {
      row, label, isTemporary, state: 'connecting', lastError: undefined, balances: [], received: 0, detected: 0, fps: 0, detectedPerSecond: 0,
      ages: new Float64Array(AGES), ageCount: 0, boxes: 0,
    });
  }

  remove(id: CameraId): void {
    this.#entries.delete(id);
  }

  has(id: CameraId): boolean {
    return this.#entries.has(id);
  }

  rows(): readonly CameraRow[] {
    return [...this.#entries.values()].map(entry => entry.row);
  }

  isTemporary(id: CameraId): boolean {
    return this.#entries.get(id)?.isTemporary ?? false;
  }

  /** Takes committed records. */
  take(records: readonly CommittedRecord[]): void {
    for (const { record } of records) {
      const entry = this.#entries.get(record.camera);
      if (!entry || record.kind !== 'detected') continue;
      entry.ages[entry.ageCount % AGES] = record.timings.ageMs;
      entry.ageCount += 1;
      entry.boxes = record.boxes.length;
    }
  }

  /** Takes the ledger's balances of all cameras, once a second or so. */
  sample(balances: readonly Balance[], nowMs: number): void {
    const seconds = (nowMs - this.#sampledAtMs) / 1000;
    const isFirst = this.#sampledAtMs === 0;
    this.#sampledAtMs = nowMs;
    const byCamera = Map.groupBy(balances, balance => balance.camera);
    for (const [id, entry] of this.#entries) {
      entry.balances = byCamera.get(id) ?? [];
      const received = sum(entry.balances, balance => balance.received);
      const detected = sum(entry.balances, balance => balance.detected);
      entry.fps = isFirst || seconds <= 0 ? 0 : (received - entry.received) / seconds;
      entry.detectedPerSecond = isFirst || seconds <= 0 ? 0 : (detected - entry.detected) / seconds;
      entry.received = received;
      entry.detected = detected;
    }
  }

  /** Takes the supervision trees of the ingest processes. */
  observe(trees: readonly (ActorReport | undefined)[]): void {
    for (const camera of trees.flatMap(tree => tree?.children ?? [])) {
      const entry = [...this.#entries.values()].find(candidate => candidate.row.id === camera.name);
      const session = camera.children.find(child => child.name === 'session');
      if (!entry || !session) continue;
      entry.state = stateOf(session);
      entry.lastError = entry.state === 'retrying' || entry.state === 'failed' ? session.lastError : undefined;
    }
  }

  figures(): readonly CameraFigures[] {
    return [...this.#entries.values()].map(entry => {
      const ages = entry.ages.slice(0, Math.min(entry.ageCount, AGES)).sort();
      const percentile = (share: number): number | null => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? null;
      return {
        view: viewOf(entry), detectedPerSecond: entry.detectedPerSecond, boxes: entry.boxes,
        ageP50Ms: percentile(0.5), ageP99Ms: percentile(0.99),
      };
    });
  }
}

function viewOf(entry: Entry): CameraView {
  const dropped: Partial<Record<DropReason, number>> = {};
  for (const balance of entry.balances) {
    for (const [reason, count] of Object.entries(balance.dropped) as [DropReason, number][]) dropped[reason] = (dropped[reason] ?? 0) + count; // keys of a typed record
  }
  return {
    id: entry.row.id, label: entry.label, state: entry.state, isTemporary: entry.isTemporary, epoch: entry.balances.at(-1)?.epoch ?? 0,
    fps: entry.fps, maxFps: entry.row.maxFps, isDetecting: entry.row.isDetecting, isLooping: entry.row.isLooping,
    counts: { received: entry.received, detected: entry.detected, dropped, gaps: sum(entry.balances, balance => balance.gaps) },
    ...(entry.lastError ? { lastError: entry.lastError } : {}),
  };
}

function stateOf(session: ActorReport): CameraState {
  switch (session.state) {
    case 'backing-off': return 'retrying';
    case 'ended': return 'ended';
    case 'escalated': return 'failed';
    case 'starting': case 'running': case 'stopping': case 'stopped':
      if (session.status === 'live') return 'live';
      return session.restarts > 0 ? 'retrying' : 'connecting';
  }
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
