import { PlatformError } from '../engine/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import { connectOnvif } from '../ingress/onvif/connect-onvif.ts';
import { deviceInformation, type DeviceInformation } from '../ingress/onvif/device-information.ts';
import { chooseProfile, mediaProfiles, streamUrl, type MediaProfile } from '../ingress/onvif/media-profiles.ts';
import { parseOnvifUri } from '../ingress/onvif/onvif-uri.ts';

/** What an ONVIF camera says before it is added. */
export interface CameraFindings {
  readonly device: DeviceInformation;
  /** Its clock less ours; null when it does not tell. */
  readonly clockOffsetMs: number | null;
  readonly profile: Pick<MediaProfile, 'token' | 'name' | 'encoding' | 'width' | 'height'>;
  /** Without login. */
  readonly stream: string;
  readonly hasPtz: boolean;
  readonly hasEvents: boolean;
}

/** Devices refuse others' requests whose time is further off; it is worth a line from then on. */
const SKEW_TOLD_MS = 5_000;

/**
 * Asks the camera of an `onvif://` URI what it is and where its stream is. Undefined when it cannot be reached from here: it may be from where it is added.
 * @throws PlatformError CONFIG_INVALID, SOURCE_REFUSED, ONVIF_INVALID, ONVIF_REFUSED, ONVIF_UNSUPPORTED, PROFILE_UNKNOWN
 */
export async function askCamera(uri: string): Promise<CameraFindings | undefined> {
  const { address, login, label, profile: wanted } = parseOnvifUri(uri);
  const { signal } = new AbortController();
  try {
    const device = await connectOnvif({ address, login, label, clock: systemClock }, signal);
    const information = await deviceInformation(device, signal);
    const { token, name, encoding, width, height, ...profile } = chooseProfile(await mediaProfiles(device, signal), wanted, label);
    const stream = await streamUrl(device, { ...profile, token, name, encoding, width, height }, signal);
    return { device: information, clockOffsetMs: device.clockOffsetMs ?? null, profile: { token, name, encoding, width, height }, stream: stream.href, hasPtz: profile.ptzToken !== undefined && device.has('ptz'), hasEvents: device.has('events') };
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'SOURCE_UNREACHABLE') return undefined;
    throw error;
  }
}

/** For people. What a device calls itself is shown without characters that a terminal acts on. */
export function formatFindings({ device, clockOffsetMs, profile, stream, hasPtz, hasEvents }: CameraFindings): string {
  const { manufacturer, model, firmwareVersion, serialNumber } = device;
  const shown = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').trim() || 'unknown';
  const seconds = Math.round((clockOffsetMs ?? 0) / 1_000);
  return [
    `${shown(`${manufacturer} ${model}`)}, firmware ${shown(firmwareVersion)}, serial number ${shown(serialNumber)}`,
    `profile ${shown(profile.token)} (${shown(profile.name)}): ${shown(profile.encoding ?? '')} ${profile.width}x${profile.height}, ${stream}`,
    `${hasPtz ? 'turns' : 'does not turn'}; ${hasEvents ? 'tells of motion' : 'has no events'}`,
    ...clockOffsetMs === null ? ['it does not tell the time'] : [],
    ...Math.abs(seconds) * 1_000 >= SKEW_TOLD_MS ? [`its clock is ${spanOf(Math.abs(seconds))} ${seconds > 0 ? 'ahead' : 'behind'}: requests allow for that; set it right (NTP), or its times are not used`] : [],
  ].join('\n');
}

function spanOf(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
