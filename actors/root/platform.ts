import type { ActorSystem } from '../../src/engine/actor-system.ts';
import type { Balance } from '../../src/data-ops/store.ts';
import type { BackendRoot } from '../gateway/backend.ts';
import type { CameraView } from './camera-tally.ts';
import type { Orchestrator } from './orchestrator.ts';

/** What `vto start` runs: a whole machine, or a node of a cluster. */
export interface Platform {
  /** What the HTTP face serves. */
  readonly backend: BackendRoot;
  /** Where the HTTP face is supervised. */
  readonly system: ActorSystem;
  /** Rows of the live table. */
  tallies(): readonly CameraView[];
  /** Drains and ends everything. Returns the ledger of this node at rest. */
  stop(): Promise<readonly Balance[]>;
}

/** A machine on its own. */
export function machinePlatform(root: Orchestrator): Platform {
  return { backend: root, system: root.system, tallies: () => root.board.tallies(), stop: () => root.stop() };
}
