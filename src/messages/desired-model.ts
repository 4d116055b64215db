import type { EpochMicros } from '../engine/units.ts';

/** Body of the compacted topic `vto.models`: the model that detectors are to run. */
export interface DesiredModel {
  /** `name@version`, as the settings of the nodes name it. */
  readonly model: string;
  /** When it was asked for. */
  readonly at: EpochMicros;
}
