import { PlatformError } from '../../engine/errors.ts';
import type { AskOptions, OnvifDevice } from './connect-onvif.ts';
import { isNotSupported } from './soap.ts';
import type { Writing } from './write-request.ts';
import { childrenOf, descend, escapeXml, finite, textAt, type XmlElement } from './xml.ts';

/** Pan, tilt and zoom in the device's generic spaces: −1 to 1, zoom positions 0 to 1 (ONVIF PTZ specification, section 5.8). */
export interface PtzVector { readonly pan?: number; readonly tilt?: number; readonly zoom?: number }

/** What a camera is asked to do. */
export type PtzCommand =
  /** Moves on until told otherwise, or for `forMs`. */
  | { readonly kind: 'continuous'; readonly velocity: PtzVector; readonly forMs?: number }
  | { readonly kind: 'absolute'; readonly position: PtzVector; readonly speed?: PtzVector }
  | { readonly kind: 'relative'; readonly translation: PtzVector; readonly speed?: PtzVector }
  | { readonly kind: 'stop' }
  | { readonly kind: 'preset'; readonly token: string }
  | { readonly kind: 'home' };

/** Where a camera looks; what it does not tell is absent. */
export interface PtzStatus extends PtzVector {
  /** `IDLE`, `MOVING`, `UNKNOWN`, as the device says it. */
  readonly panTiltState?: string;
  readonly zoomState?: string;
  readonly error?: string;
}

/** A place that a camera knows by name. */
export interface PtzPreset { readonly token: string; readonly name: string; readonly position?: PtzVector }

const PRESETS_MAX = 1_024;
const TEXT_MAX = 256;
const ignore = (): void => { /* the package does not send */ };

/**
 * Has a camera move. `profile`: token of a profile with a PTZ configuration.
 * @throws PlatformError PTZ_UNSUPPORTED when the camera cannot; else as `OnvifDevice.ask`
 */
export async function commandPtz(device: OnvifDevice, profile: string, command: PtzCommand, signal: AbortSignal): Promise<void> {
  await askPtz(device, writingOf(escapeXml(profile), command), signal);
}

/**
 * Where a camera looks and whether it moves.
 * @throws PlatformError PTZ_UNSUPPORTED; else as `OnvifDevice.ask`
 */
export async function ptzStatus(device: OnvifDevice, profile: string, signal: AbortSignal): Promise<PtzStatus> {
  return readPtzStatus(await askPtz(device, client => { client.getStatus({ profileToken: escapeXml(profile) }, ignore); }, signal));
}

/**
 * The presets of a camera.
 * @throws PlatformError PTZ_UNSUPPORTED; else as `OnvifDevice.ask`
 */
export async function ptzPresets(device: OnvifDevice, profile: string, signal: AbortSignal): Promise<readonly PtzPreset[]> {
  return readPresets(await askPtz(device, client => { client.getPresets({ profileToken: escapeXml(profile) }, ignore); }, signal));
}

async function askPtz(device: OnvifDevice, writing: Writing, signal: AbortSignal, how?: AskOptions): Promise<XmlElement> {
  try {
    return await device.ask(writing, signal, how);
  } catch (error) {
    if (!isNotSupported(error)) throw error;
    throw new PlatformError('PTZ_UNSUPPORTED', `${device.label} cannot do this: ${(error as Error).message}`, {}, error);
  }
}

function writingOf(profileToken: string, command: PtzCommand): Writing {
  switch (command.kind) {
    case 'continuous': return client => { client.continuousMove({ profileToken, ...axes(command.velocity), ...command.forMs !== undefined && { timeout: command.forMs } }, ignore); };
    case 'absolute': return client => { client.absoluteMove({ profileToken, ...axes(command.position), ...speedOf(command.speed) }, ignore); };
    case 'relative': return client => { client.relativeMove({ profileToken, ...axes(command.translation), ...speedOf(command.speed) }, ignore); };
    case 'stop': return client => { client.stop({ profileToken, panTilt: true, zoom: true }, ignore); };
    case 'preset': return client => { client.gotoPreset({ profileToken, preset: escapeXml(command.token) }, ignore); };
    case 'home': return client => { client.gotoHomePosition({ profileToken }, ignore); };
  }
}

/** Only what was said is sent: some cameras refuse a zoom that they do not have. */
function axes({ pan, tilt, zoom }: PtzVector): Record<string, number | boolean> {
  const hasPanTilt = pan !== undefined || tilt !== undefined;
  return {
    ...hasPanTilt && { x: pan ?? 0, y: tilt ?? 0 }, ...zoom !== undefined && { zoom },
    ...hasPanTilt && zoom === undefined && { onlySendPanTilt: true }, ...!hasPanTilt && zoom !== undefined && { onlySendZoom: true },
  };
}

function speedOf(speed: PtzVector | undefined): { readonly speed?: { x?: number; y?: number; zoom?: number } } {
  if (!speed) return {};
  const { pan, tilt, zoom } = speed;
  return { speed: { ...(pan !== undefined || tilt !== undefined) && { x: pan ?? 0, y: tilt ?? 0 }, ...zoom !== undefined && { zoom } } };
}

/** Reads a `GetStatusResponse`. */
export function readPtzStatus(answer: XmlElement): PtzStatus {
  const status = descend(answer, 'PTZStatus');
  const [panTiltState, zoomState, error] = [textAt(status, 'MoveStatus', 'PanTilt'), textAt(status, 'MoveStatus', 'Zoom'), textAt(status, 'Error')].map(text => text?.slice(0, TEXT_MAX));
  return {
    ...vectorOf(descend(status, 'Position')),
    ...panTiltState !== undefined && { panTiltState }, ...zoomState !== undefined && { zoomState }, ...error !== undefined && { error },
  };
}

/** Reads a `GetPresetsResponse`. */
export function readPresets(answer: XmlElement): readonly PtzPreset[] {
  return childrenOf(answer, 'Preset').slice(0, PRESETS_MAX).flatMap(preset => {
    const token = preset.attributes.get('token')?.slice(0, TEXT_MAX);
    if (token === undefined || token === '') return [];
    const position = descend(preset, 'PTZPosition');
    return [{ token, name: textAt(preset, 'Name')?.slice(0, TEXT_MAX) ?? token, ...position && { position: vectorOf(position) } }];
  });
}

function vectorOf(position: XmlElement | undefined): PtzVector {
  const of = (name: string, attribute: string): number | undefined => finite(descend(position, name)?.attributes.get(attribute));
  const [pan, tilt, zoom] = [of('PanTilt', 'x'), of('PanTilt', 'y'), of('Zoom', 'x')];
  return { ...pan !== undefined && { pan }, ...tilt !== undefined && { tilt }, ...zoom !== undefined && { zoom } };
}

/** Where a camera looks, and the places it knows. */
export interface PtzView { readonly status: PtzStatus; readonly presets: readonly PtzPreset[] }
