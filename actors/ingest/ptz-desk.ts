import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { connectOnvif, type OnvifDevice } from '../../src/ingress/onvif/connect-onvif.ts';
import { chooseProfile, mediaProfiles, type MediaProfile } from '../../src/ingress/onvif/media-profiles.ts';
import { parseOnvifUri } from '../../src/ingress/onvif/onvif-uri.ts';
import { commandPtz, ptzPresets, ptzStatus, type PtzCommand, type PtzView } from '../../src/ingress/onvif/ptz.ts';
import type { Desk } from './desk.ts';

/** What PTZ needs of the process. */
export interface PtzDeskOptions {
  /** URIs of a camera in order of preference; undefined for one that is not here. */
  readonly urisOf: (camera: CameraId) => readonly string[] | undefined;
  readonly clock: Clock;
}

/** Questions under way to one camera: a joystick asks often, a camera that is away must not collect them. */
const ASKED_MAX = 4;

interface Movable { readonly uri: string; readonly device: OnvifDevice; readonly profile: string }

/**
 * Answers at the desk for moving cameras. Here rather than in the root: this process is on the cameras' network wherever the node stands, and what
 * cameras answer is taken apart where a failure costs the root nothing. Devices are remembered, not their connections: they have none.
 */
export function servePtz(desk: Desk, options: PtzDeskOptions): void {
  const known = new Map<CameraId, Movable>();
  const asked = new Map<CameraId, number>();
  const withCamera = async <Value>(camera: CameraId, signal: AbortSignal, use: (movable: Movable) => Promise<Value>): Promise<Value> => {
    const under = asked.get(camera) ?? 0;
    if (under >= ASKED_MAX) throw new PlatformError('OVERLOADED', `camera '${camera}' has ${under} PTZ requests under way`, { camera });
    asked.set(camera, under + 1);
    try {
      const uri = onvifUriOf(camera, options);
      const remembered = known.get(camera);
      if (remembered?.uri === uri) {
        try {
          return await use(remembered);
        } catch (error) {
          if (!(error instanceof PlatformError) || error.code !== 'SOURCE_REFUSED') throw error; // else its clock may have been set
        }
      }
      const movable = await find(camera, uri, options.clock, signal);
      known.set(camera, movable);
      return await use(movable);
    } catch (error) {
      known.delete(camera); // it may be another device by now
      throw error;
    } finally {
      const left = (asked.get(camera) ?? 1) - 1;
      if (left === 0) asked.delete(camera);
      else asked.set(camera, left);
    }
  };
  desk.handle('ptz.command', (camera, params, signal) => withCamera(camera, signal, ({ device, profile }) => commandPtz(device, profile, params as PtzCommand, signal))); // checked by the gateway
  desk.handle('ptz.view', (camera, _params, signal) => withCamera(camera, signal, async ({ device, profile }): Promise<PtzView> => {
    const status = await ptzStatus(device, profile, signal);
    const presets = await ptzPresets(device, profile, signal).catch((error: unknown) => {
      if (error instanceof PlatformError && error.code === 'PTZ_UNSUPPORTED') return []; // one that turns need not remember places
      throw error;
    });
    return { status, presets };
  }));
}

/** @throws PlatformError PTZ_UNSUPPORTED when none of its sources is an ONVIF device; CAMERA_UNKNOWN */
function onvifUriOf(camera: CameraId, { urisOf }: PtzDeskOptions): string {
  const uris = urisOf(camera);
  if (!uris) throw new PlatformError('CAMERA_UNKNOWN', `camera '${camera}' is unknown`, { camera });
  const uri = uris.find(each => /^onvif:/i.test(each));
  if (uri === undefined) throw new PlatformError('PTZ_UNSUPPORTED', `camera '${camera}' is no onvif:// camera`, { camera });
  return uri;
}

async function find(camera: CameraId, uri: string, clock: Clock, signal: AbortSignal): Promise<Movable> {
  const { address, login, profile: wanted, label } = parseOnvifUri(uri);
  const device = await connectOnvif({ address, login, label, clock }, signal);
  if (!device.has('ptz')) throw new PlatformError('PTZ_UNSUPPORTED', `camera '${camera}' cannot turn: ${label} has no PTZ service`, { camera });
  const profiles = await mediaProfiles(device, signal);
  return { uri, device, profile: movableProfile(profiles, chooseProfile(profiles, wanted, label)) };
}

/** The profile that moves the camera of `chosen`: itself, or another of its video source. */
function movableProfile(profiles: readonly MediaProfile[], chosen: MediaProfile): string {
  const movable = profiles.filter(({ ptzToken }) => ptzToken !== undefined);
  const found = chosen.ptzToken === undefined ? movable.find(({ sourceToken }) => sourceToken === chosen.sourceToken) : chosen;
  return (found ?? chosen).token; // a device that has the service and names no configuration says itself what it thinks of it
}
