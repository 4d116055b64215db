import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { connectOnvif, type OnvifDevice } from '../onvif/connect-onvif.ts';
import { chooseProfile, mediaProfiles, uriIn } from '../onvif/media-profiles.ts';
import { parseOnvifUri } from '../onvif/onvif-uri.ts';
import { mediaUrl } from '../onvif/service-address.ts';
import { isNotSupported } from '../onvif/soap.ts';
import { contentOf } from '../onvif/write-request.ts';
import { childrenOf, escapeXml, textAt, type XmlElement } from '../onvif/xml.ts';
import type { Recordings } from './recordings.ts';

/** A recording of a device, as its search service tells (ONVIF Recording Search Service Specification). */
export interface RecordingDescription {
  readonly token: string;
  /** What was recorded: a token of a video source, or a URI that holds one. */
  readonly sourceId: string;
  /** Milliseconds since the Unix epoch, by the device's clock, of what its video tracks hold; infinite where it does not say. */
  readonly fromMs: number;
  readonly toMs: number;
}

const SEARCH = 'http://www.onvif.org/ver10/search/wsdl';
/** Recordings that are looked at: a recorder has some for each camera. */
const RECORDINGS_MAX = 256;
/** A device says step by step what it found. */
const RESULTS_MAX = 16;
const TOKEN_LENGTH_MAX = 256;
/** What a device says of the end of what it is recording at this moment lags behind. */
const LAG_MS = 60_000;

/**
 * What the device of an `onvif://` address has recorded of the profile that is played. Each time asked anew, for gaps are rare and recordings move: which services it
 * has, what it recorded, and where it replays that.
 * @throws PlatformError CONFIG_INVALID for the address
 */
export function onvifRecordings(uri: string, clock: Clock, limitMs: number): Recordings {
  const { address, login, profile: wanted, label } = parseOnvifUri(uri);
  return {
    label,
    async find(from, to, signal) {
      const device = await connectOnvif({ address, login, label, clock, limitMs }, signal);
      if (!device.has('replay') || !device.has('search')) throw new PlatformError('MEDIA_UNSUPPORTED', `${label} has no recordings to replay (ONVIF Profile G)`, {});
      try {
        const profile = chooseProfile(await mediaProfiles(device, signal), wanted, label);
        const offsetMs = device.clockOffsetMs ?? 0;
        const recording = chooseRecording(await searchRecordings(device, signal), { sourceToken: profile.sourceToken, fromMs: from / 1000 + offsetMs, toMs: to / 1000 + offsetMs, label });
        if (recording === undefined) return undefined;
        const answer = await device.ask(client => { client.getReplayUri({ recordingToken: escapeXml(recording.token) }, ignore); }, signal);
        return { uri: mediaUrl(uriIn(answer, label), device.address, ['rtsp:', 'rtsps:']).href, login: device.login, clockOffsetMicros: device.clockOffsetMs === undefined ? undefined : device.clockOffsetMs * 1000 };
      } catch (error) {
        if (!isNotSupported(error)) throw error;
        throw new PlatformError('MEDIA_UNSUPPORTED', `${label} has no recordings to replay (ONVIF Profile G): it names the services and refuses them`, {}, error);
      }
    },
  };
}

/** Everything that the device recorded. @throws as `OnvifDevice.ask` */
async function searchRecordings(device: OnvifDevice, signal: AbortSignal): Promise<readonly RecordingDescription[]> {
  const found: RecordingDescription[] = [];
  const begun = await device.ask(contentOf('search', `<FindRecordings xmlns="${SEARCH}"><Scope/><MaxMatches>${RECORDINGS_MAX}</MaxMatches><KeepAliveTime>PT10S</KeepAliveTime></FindRecordings>`), signal);
  const token = textAt(begun, 'SearchToken');
  if (token === undefined || token.length > TOKEN_LENGTH_MAX) throw new PlatformError('ONVIF_INVALID', `${device.label} began a search without a token`, {});
  for (let step = 0; step < RESULTS_MAX && found.length < RECORDINGS_MAX; step += 1) {
    const answer = await device.ask(contentOf('search', `<GetRecordingSearchResults xmlns="${SEARCH}"><SearchToken>${escapeXml(token)}</SearchToken><MinResults>1</MinResults><MaxResults>${RECORDINGS_MAX}</MaxResults><WaitTime>PT1S</WaitTime></GetRecordingSearchResults>`), signal);
    const results = readRecordings(answer);
    found.push(...results.recordings);
    if (results.isComplete) return found.slice(0, RECORDINGS_MAX);
  }
  device.ask(contentOf('search', `<EndSearch xmlns="${SEARCH}"><SearchToken>${escapeXml(token)}</SearchToken></EndSearch>`), signal).catch(() => { /* it ends by itself */ });
  return found.slice(0, RECORDINGS_MAX);
}

/** Reads a `GetRecordingSearchResultsResponse`: recordings with video. */
export function readRecordings(answer: XmlElement): { readonly isComplete: boolean; readonly recordings: readonly RecordingDescription[] } {
  const [list] = childrenOf(answer, 'ResultList');
  const recordings = childrenOf(list, 'RecordingInformation').slice(0, RECORDINGS_MAX).flatMap(information => {
    const token = textAt(information, 'RecordingToken');
    const tracks = childrenOf(information, 'Track');
    const videos = tracks.filter(track => /^video$/i.test(textAt(track, 'TrackType') ?? ''));
    if (token === undefined || token.length > TOKEN_LENGTH_MAX || (tracks.length > 0 && videos.length === 0)) return [];
    const times = (name: string, otherwise: string): number[] => [...videos.map(track => textAt(track, name)), textAt(information, otherwise)].map(text => Date.parse(text ?? '')).filter(Number.isFinite);
    return [{
      token, sourceId: (textAt(information, 'Source', 'SourceId') ?? '').slice(0, 2_048),
      fromMs: Math.min(...times('DataFrom', 'EarliestRecording')), toMs: Math.max(...times('DataTo', 'LatestRecording')),
    }].map(each => ({ ...each, fromMs: Number.isFinite(each.fromMs) ? each.fromMs : Number.NEGATIVE_INFINITY, toMs: Number.isFinite(each.toMs) ? each.toMs : Number.POSITIVE_INFINITY }));
  });
  return { isComplete: !/^(?:queued|searching|unknown)$/i.test(textAt(list, 'SearchState') ?? ''), recordings };
}

/** What is looked for: milliseconds by the device's clock. */
export interface RecordingWanted { readonly sourceToken: string | undefined; readonly fromMs: number; readonly toMs: number; readonly label: string }

/**
 * The recording of the source that is played which holds most of the time; undefined when none holds any.
 * @throws PlatformError MEDIA_UNSUPPORTED when there are several sources and it cannot be told which is the camera's: pictures of another must not get into its archive
 */
export function chooseRecording(recordings: readonly RecordingDescription[], { sourceToken, fromMs, toMs, label }: RecordingWanted): RecordingDescription | undefined {
  const named = recordings.filter(({ sourceId }) => sourceToken !== undefined && sourceId.split(/[^\w.-]+/).includes(sourceToken));
  if (named.length === 0 && new Set(recordings.map(({ sourceId }) => sourceId)).size > 1) {
    throw new PlatformError('MEDIA_UNSUPPORTED', `${label} does not tell which of its recordings is of the camera: set its replay address`, { recordings: recordings.length });
  }
  const overlap = (recording: RecordingDescription): number => Math.min(toMs, recording.toMs + LAG_MS) - Math.max(fromMs, recording.fromMs);
  return (named.length > 0 ? named : recordings).filter(recording => overlap(recording) > 0).toSorted((left, right) => overlap(right) - overlap(left))[0];
}

function ignore(): void { /* the package does not send */ }
