import type { ActorReport } from '../../src/engine/actor.ts';
import { isCameraId, type CameraId } from '../../src/engine/units.ts';
import { CameraTally, type CameraView as CameraTallyView } from './camera-tally.ts';
import type { Balance, CameraRow, CommittedRecord, Store } from '../../src/data-ops/store.ts';
import type { DropReason } from '../../src/messages/terminal-record.ts';
import { shownOf } from '../../src/serving-ops/camera-body.ts';
import type { CameraState, CameraView, GateView, SourceView } from '../../src/serving-ops/service.ts';

type CameraStateEvent = ReturnType<Store['cameraStates']>[number];

interface Entry {
  row: CameraRow;
  readonly isTemporary: boolean;
  readonly tally: CameraTally;
  state: CameraState;
  lastError: { readonly code: string; readonly message: string } | undefined;
  gate: GateView | undefined;
  sources: readonly SourceView[] | undefined;
  balances: readonly Balance[];
  received: number | undefined;
}

/** Figures of all cameras, for the live table and the API. Never asks anybody: it is told. */
export class CameraBoard {
  readonly #entries = new Map<CameraId, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(row: CameraRow, isTemporary: boolean): void {
    this.#entries.set(row.id, {
      row, isTemporary, tally: new CameraTally(row.id, this.#nowMs()), state: 'connecting', lastError: undefined, gate: undefined, sources: undefined, balances: [], received: undefined,
    });
  }

  /** A camera whose session goes on. */
  change(row: CameraRow): void {
    const entry = this.#entries.get(row.id);
    if (entry) entry.row = row;
  }

  /** False also for a camera that is not there. */
  isTemporary(id: CameraId): boolean {
    return this.#entries.get(id)?.isTemporary ?? false;
  }

  remove(id: CameraId): void {
    this.#entries.delete(id);
  }

  /** Undefined for a camera that is not there. */
  stateOf(id: CameraId): CameraState | undefined {
    return this.#entries.get(id)?.state;
  }

  /** Takes committed records. */
  take(records: readonly CommittedRecord[]): void {
    for (const { record } of records) this.#entries.get(record.camera)?.tally.record(record, this.#nowMs());
  }

  /** Takes the ledger's balances of all cameras, once a second or so. `isAll`: nothing else tells of their records, there are too many of them. */
  sample(balances: readonly Balance[], isAll = false): void {
    const byCamera = Map.groupBy(balances, balance => balance.camera);
    for (const [id, entry] of this.#entries) {
      const before = entry.received === undefined ? undefined : sum(entry.balances, balance => balance.detected);
      entry.balances = byCamera.get(id) ?? [];
      const detected = sum(entry.balances, balance => balance.detected);
      if (isAll) entry.tally.ended(detected - (before ?? detected), droppedOf(entry.balances), this.#nowMs());
      const received = sum(entry.balances, balance => balance.received);
      entry.tally.received(received - (entry.received ?? received), this.#nowMs());
      entry.received = received;
    }
  }

  /** Takes what nodes last said of their cameras, where they run on other nodes. */
  told(states: readonly CameraStateEvent[]): void {
    for (const { camera, state, code, message } of states) {
      const entry = this.#entries.get(camera);
      if (!entry) continue;
      entry.state = state;
      entry.tally.state(state);
      entry.lastError = (state === 'retrying' || state === 'failed') && code !== undefined ? { code, message: message ?? '' } : undefined;
    }
  }

  /** Takes the supervision trees of the ingest processes. */
  observe(trees: readonly (ActorReport | undefined)[]): void {
    for (const camera of trees.flatMap(tree => tree?.children ?? [])) {
      const entry = isCameraId(camera.name) ? this.#entries.get(camera.name) : undefined;
      const session = camera.children.find(child => child.name === 'session');
      if (!entry || !session) continue;
      entry.state = stateOf(session);
      entry.tally.state(entry.state);
      entry.lastError = entry.state === 'retrying' || entry.state === 'failed' ? session.lastError : undefined;
    }
  }

  /** Takes what a vision process says of a camera's activity gate. */
  gated(id: CameraId, gate: GateView): void {
    const entry = this.#entries.get(id);
    if (entry) entry.gate = gate;
  }

  /** Takes what an ingest process says of a camera's sources. */
  sourced(id: CameraId, sources: readonly SourceView[]): void {
    const entry = this.#entries.get(id);
    if (entry) entry.sources = sources;
  }

  /** Frames of each camera that still wait for their terminal record. */
  pending(): readonly { readonly id: CameraId; readonly pending: number }[] {
    return [...this.#entries].map(([id, { balances }]) => ({ id, pending: sum(balances, balance => balance.pending) }));
  }

  /** As the API shows them. */
  views(): readonly CameraView[] {
    return [...this.#entries.values()].map(entry => viewOf(entry, this.#nowMs()));
  }

  /** As the live table shows them. */
  tallies(): readonly CameraTallyView[] {
    return [...this.#entries.values()].map(entry => entry.tally.view(this.#nowMs()));
  }
}

function viewOf(entry: Entry, nowMs: number): CameraView {
  const dropped = droppedOf(entry.balances);
  return {
    id: entry.row.id, ...shownOf(entry.row), state: entry.state, isTemporary: entry.isTemporary, epoch: entry.balances.at(-1)?.epoch ?? 0,
    fps: entry.tally.view(nowMs).receivedPerSecond,
    counts: { received: entry.received ?? 0, detected: sum(entry.balances, balance => balance.detected), dropped, gaps: sum(entry.balances, balance => balance.gaps) },
    ...(entry.lastError ? { lastError: entry.lastError } : {}), ...(entry.gate ? { gate: entry.gate } : {}), ...(entry.sources ? { sources: entry.sources } : {}),
  };
}

function stateOf(session: ActorReport): CameraState {
  switch (session.state) {
    case 'backing-off': return 'retrying';
    case 'ended': return 'ended';
    case 'escalated': return 'failed';
    case 'starting': case 'running': case 'stopping': case 'stopped':
      if (session.status === 'live' || session.status === 'waiting') return session.status;
      return session.restarts > 0 ? 'retrying' : 'connecting';
  }
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function droppedOf(balances: readonly Balance[]): Partial<Record<DropReason, number>> {
  const dropped: Partial<Record<DropReason, number>> = {};
  for (const balance of balances) {
    for (const [reason, count] of Object.entries(balance.dropped) as [DropReason, number][]) dropped[reason] = (dropped[reason] ?? 0) + count; // keys of a typed record
  }
  return dropped;
}
