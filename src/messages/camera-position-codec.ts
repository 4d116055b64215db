import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import { cameraOf, type BodyMapping } from './body-mapping.ts';
import { WIRE_FORMATS, type CameraPositionWire, type EpochPositionWire } from './generated/wire.ts';
import type { CameraPosition, EpochPosition } from './position.ts';

/** How positions of consumer groups lie on the wire. */
export const CAMERA_POSITION: BodyMapping<CameraPosition, CameraPositionWire> = {
  wire: WIRE_FORMATS.positions,
  toWire: ({ group, camera, epochs, at }) => ({ group, camera, epochs: epochs.map((epoch) => ({ ...epoch, chunkAtMs: Math.round(epoch.chunkAtMs) })), at: Math.round(at) }),
  payloadOf: () => [],
  fromWire: ({ group, camera, epochs, at }) => ({ group, camera: cameraOf(camera), epochs: epochs.map(epochOf), at: epochMicros(at) }),
  identify: ({ group, camera, at }) => ({ id: `${group}/${camera}/${at}`, at }),
};

function epochOf({ epoch, chunkOffset, chunkAtMs, terminalTo, terminalAbove, isOver }: EpochPositionWire): EpochPosition {
  const runs = terminalAbove.map(({ from, to }) => {
    if (from > to) throw new PlatformError('RECORD_INVALID', `position with a run of frames from ${from} to ${to}`);
    return { from, to };
  });
  return { epoch, chunkOffset, chunkAtMs, terminalTo, terminalAbove: runs, isOver };
}
