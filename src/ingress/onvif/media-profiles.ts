import { PlatformError } from '../../engine/errors.ts';
import type { OnvifDevice } from './connect-onvif.ts';
import { mediaUrl } from './service-address.ts';
import { childrenOf, descend, escapeXml, numberAt, textAt, type XmlElement } from './xml.ts';

/** A media profile: one stream of a device. */
export interface MediaProfile {
  readonly token: string;
  readonly name: string;
  /** Service that told of it and is asked for its URIs. */
  readonly service: 'media' | 'media2';
  /** As the device says it: `H264`, `H265`, `JPEG`, …; undefined: the profile has no video. */
  readonly encoding: string | undefined;
  /** Pixels; 0 when the device does not say. */
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number | undefined;
  readonly kilobitsPerSecond: number | undefined;
  /** What its pictures are taken from; profiles of one camera share it. */
  readonly sourceToken: string | undefined;
  readonly sourceConfigurationToken: string | undefined;
  readonly analyticsToken: string | undefined;
  /** Of its PTZ configuration; undefined: it cannot be moved. */
  readonly ptzToken: string | undefined;
}

const PROFILES_MAX = 1_024;
const TOKEN_LENGTH_MAX = 256;
const ignore = (): void => { /* the package does not send */ };

/**
 * The media profiles of a device: by Media2 where it has it, which alone tells of H.265, else by Media.
 * @throws as `OnvifDevice.ask`
 */
export async function mediaProfiles(device: OnvifDevice, signal: AbortSignal): Promise<readonly MediaProfile[]> {
  const ask = async (isMedia2: boolean): Promise<readonly MediaProfile[]> => readProfiles(await device.ask(client => { client.getProfiles(ignore); }, signal, { isMedia2 }), isMedia2 ? 'media2' : 'media');
  if (!device.has('media2')) return ask(false);
  try {
    const profiles = await ask(true);
    if (profiles.length > 0 || !device.has('media')) return profiles;
  } catch (error) {
    const isElsewhere = error instanceof PlatformError && (error.code === 'ONVIF_REFUSED' || error.code === 'ONVIF_INVALID') && device.has('media');
    if (!isElsewhere) throw error; // some devices name Media2 and do not have it
  }
  return ask(false);
}

/** Reads a `GetProfilesResponse` of either service. */
export function readProfiles(answer: XmlElement, service: MediaProfile['service']): readonly MediaProfile[] {
  return childrenOf(answer, 'Profiles').slice(0, PROFILES_MAX).flatMap(profile => {
    const token = profile.attributes.get('token')?.slice(0, TOKEN_LENGTH_MAX);
    return token === undefined || token === '' ? [] : [readProfile(profile, token, service)];
  });
}

function readProfile(profile: XmlElement, token: string, service: MediaProfile['service']): MediaProfile {
  const part = (media: string, media2: string): XmlElement | undefined => (service === 'media' ? descend(profile, media) : descend(profile, 'Configurations', media2));
  const encoder = part('VideoEncoderConfiguration', 'VideoEncoder');
  const source = part('VideoSourceConfiguration', 'VideoSource');
  const side = (name: string): number => Math.max(0, Math.round(numberAt(encoder, 'Resolution', name) ?? 0));
  return {
    token, service, name: textAt(profile, 'Name')?.slice(0, TOKEN_LENGTH_MAX) ?? token, encoding: textAt(encoder, 'Encoding')?.slice(0, 40), width: side('Width'), height: side('Height'),
    framesPerSecond: numberAt(encoder, 'RateControl', 'FrameRateLimit'), kilobitsPerSecond: numberAt(encoder, 'RateControl', 'BitrateLimit'),
    sourceToken: textAt(source, 'SourceToken')?.slice(0, TOKEN_LENGTH_MAX), sourceConfigurationToken: tokenOf(source),
    analyticsToken: tokenOf(part('VideoAnalyticsConfiguration', 'Analytics')), ptzToken: tokenOf(part('PTZConfiguration', 'PTZ')),
  };
}

function tokenOf(element: XmlElement | undefined): string | undefined {
  return element?.attributes.get('token')?.slice(0, TOKEN_LENGTH_MAX);
}

/**
 * The profile that `wanted` names: `main` is the largest picture of the device's first video source, `sub` the smallest of the same source, anything
 * else a token, or a name where it is one profile's alone. Profiles of H.264 and H.265 come before those of single pictures.
 * @throws PlatformError PROFILE_UNKNOWN, listing those there are
 */
export function chooseProfile(profiles: readonly MediaProfile[], wanted: string, label: string): MediaProfile {
  const streams = profiles.filter(({ encoding }) => encoding !== undefined);
  const first = streams[0]?.sourceToken;
  const same = streams.filter(({ sourceToken }) => sourceToken === first);
  const moving = same.filter(({ encoding }) => !/jpe?g/i.test(encoding ?? ''));
  const ranked = (moving.length > 0 ? moving : same).toSorted((a, b) => b.width * b.height - a.width * a.height);
  const named = profiles.filter(({ name }) => name === wanted);
  const found = profiles.find(({ token }) => token === wanted)
    ?? (wanted === 'main' ? ranked[0] : wanted === 'sub' && ranked.length > 1 ? ranked.at(-1) : undefined)
    ?? (named.length === 1 ? named[0] : undefined);
  if (found) return found;
  const known = profiles.length === 0 ? 'none' : profiles.slice(0, 20).map(({ token, encoding, width, height }) => `${token} (${encoding ?? 'no video'} ${width}x${height})`).join(', ');
  const what = wanted === 'main' ? 'no stream' : wanted === 'sub' ? 'no second stream' : `no profile '${wanted.slice(0, 80)}'`;
  throw new PlatformError('PROFILE_UNKNOWN', `${label} has ${what} (known: ${known})`, { profile: wanted.slice(0, 80) });
}

/**
 * Where the stream of a profile is, without login, at the host that the device was asked at.
 * @throws as `OnvifDevice.ask`
 */
export async function streamUrl(device: OnvifDevice, profile: MediaProfile, signal: AbortSignal): Promise<URL> {
  const options = { protocol: 'RTSP', stream: 'RTP-Unicast', profileToken: escapeXml(profile.token) };
  const answer = await device.ask(client => { client.getStreamUri(options, ignore); }, signal, { isMedia2: profile.service === 'media2' });
  return mediaUrl(uriIn(answer, device.label), device.address, ['rtsp:', 'rtsps:']);
}

/**
 * Where a still picture of a profile is, without login, at the host that the device was asked at.
 * @throws as `OnvifDevice.ask`
 */
export async function snapshotUrl(device: OnvifDevice, profile: MediaProfile, signal: AbortSignal): Promise<URL> {
  const options = { profileToken: escapeXml(profile.token) };
  const answer = await device.ask(client => { client.getSnapshotUri(options, ignore); }, signal, { isMedia2: profile.service === 'media2' });
  return mediaUrl(uriIn(answer, device.label), device.address, ['http:', 'https:']);
}

/** The URI of a `GetStreamUriResponse` or `GetSnapshotUriResponse` of either service. @throws PlatformError ONVIF_INVALID */
export function uriIn(answer: XmlElement, label: string): string {
  const uri = textAt(answer, 'MediaUri', 'Uri') ?? textAt(answer, 'Uri');
  if (uri === undefined || uri.length > 2_048) throw new PlatformError('ONVIF_INVALID', `${label} gave no URI of a stream`, {});
  return uri;
}
