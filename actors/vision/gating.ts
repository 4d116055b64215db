import type { OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { CameraActivity } from '../../src/feature-ops/activity/camera-activity.ts';
import type { GateState, GateStatus } from '../../src/feature-ops/activity/activity-gate.ts';
import type { DetectedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { RoleContext } from '../process/role-process.ts';

/** How the activity gates of a vision process are set. */
export interface GateSettings {
  /** By camera; `*` for the others. */
  readonly modes: Readonly<Record<string, 'auto' | 'off'>>;
  readonly probeHz: number;
  readonly holdMs: number;
}

/** What a vision process tells the root of a camera's gate. */
export interface GateNote { readonly type: 'gate'; readonly camera: CameraId; readonly status: GateStatus }

const STATES: readonly GateState[] = ['active', 'quiet', 'probing'];

/** The gate of each camera, as a featurizer asks for it; what it does is told to the root, measured, and, where it is of no use, said. */
export function activityOf({ modes, probeHz, holdMs }: GateSettings, { log, telemetry, note }: Pick<RoleContext, 'log' | 'telemetry' | 'note'>): (camera: CameraId) => CameraActivity | undefined {
  return camera => {
    if ((modes[camera] ?? modes['*']) !== 'auto') return undefined;
    let isUseless = false;
    return new CameraActivity({ probeHz, holdMs }, {
      changed(status) {
        for (const state of STATES) telemetry.set('gateState', { camera, state }, state === status.state ? 1 : 0);
        telemetry.set('gateScore', { camera }, status.score);
        note({ type: 'gate', camera, status } satisfies GateNote);
        const { state, reason } = status;
        log.debug({ camera, ...status }, 'activity gate');
        if (state === 'active' && reason === undefined) return; // something is there: it says nothing about the signal
        const wasUseless = isUseless;
        isUseless = reason !== undefined && reason !== 'learning';
        if (isUseless && !wasUseless) log.info({ camera, reason, score: status.score }, 'packet sizes do not tell when something moves: pictures are looked at by the clock');
        else if (wasUseless && state === 'quiet') log.info({ camera, score: status.score }, 'packet sizes tell when something moves');
      },
      woke(cause) { telemetry.count('gateWakes', { camera, cause }); },
    });
  };
}

/** Shows each detected record to `sees` before it leaves. */
export function shown(records: OutPort<TerminalRecord>, sees: (record: DetectedRecord) => void): OutPort<TerminalRecord> {
  return {
    push(items, signal) {
      for (const { body } of items) if (body.kind === 'detected') sees(body);
      return records.push(items, signal);
    },
    room: signal => records.room(signal),
  };
}
