import { PlatformError } from '../../engine/errors.ts';

/** The video of a session description (RFC 4566), as far as it is needed to take it apart. */
export interface VideoDescription {
  readonly codec: 'h264' | 'hevc';
  /** RTP payload type. */
  readonly payloadType: number;
  /** RTP ticks a second. */
  readonly clockHz: number;
  /** SPS, PPS and VPS without start codes, as `fmtp` names them; empty where it does not. */
  readonly parameterSets: readonly Uint8Array[];
  /** Nominal frames a second; 0 when it does not say. */
  readonly frameRate: number;
  /** `a=control` of the media, resolved against nothing; undefined when it has none. */
  readonly control: string | undefined;
}

/** A longer description is none of one camera. */
const SIZE_MAX = 64 << 10;
const LINES_MAX = 1_024;
/** A parameter set is some tens of bytes; RTP could not carry a longer one. */
const SET_MAX = 64 << 10;
const CODECS: Readonly<Record<string, VideoDescription['codec']>> = { H264: 'h264', H265: 'hevc', HEVC: 'hevc' };
/** Names of the parameters that hold parameter sets (RFC 6184 section 8.1, RFC 7798 section 7.1), in the order a decoder wants them. */
const SPROP = ['sprop-vps', 'sprop-sps', 'sprop-pps', 'sprop-parameter-sets'] as const;

interface Media { readonly kind: string; readonly payloadTypes: readonly number[]; readonly attributes: (readonly [name: string, value: string])[] }

/**
 * The first H.264 or H.265 video of a session description.
 * @throws PlatformError MEDIA_UNSUPPORTED when it describes none, naming what it describes
 */
export function describedVideo(text: string): VideoDescription {
  const medias = mediasOf(text);
  for (const media of medias) {
    const video = media.kind === 'video' ? videoOf(media) : undefined;
    if (video !== undefined) return video;
  }
  const names = medias.map(({ kind, attributes }) => [kind, ...attributes.flatMap(([name, value]) => (name === 'rtpmap' ? [value.split(' ')[1] ?? ''] : []))].join(' '));
  throw new PlatformError('MEDIA_UNSUPPORTED', `the recording offers no H.264 or H.265 video, but ${names.length === 0 ? 'nothing' : `'${names.join('\', \'').slice(0, 200)}'`}`, {});
}

function mediasOf(text: string): readonly Media[] {
  const medias: Media[] = [];
  for (const line of text.slice(0, SIZE_MAX).split(/\r\n|\n|\r/, LINES_MAX)) {
    const [, type, value = ''] = /^([am])=(.*)$/.exec(line) ?? [];
    if (type === 'm') {
      const [kind = '', , , ...formats] = value.split(' ');
      medias.push({ kind, payloadTypes: formats.flatMap(format => (/^\d{1,3}$/.test(format) ? [Number(format)] : [])), attributes: [] });
    } else if (type === 'a') {
      const colon = value.indexOf(':');
      medias.at(-1)?.attributes.push(colon < 0 ? [value.trim(), ''] : [value.slice(0, colon).trim(), value.slice(colon + 1).trim()]);
    }
  }
  return medias;
}

function videoOf({ payloadTypes, attributes }: Media): VideoDescription | undefined {
  for (const payloadType of payloadTypes) {
    const ofType = (wanted: string): string | undefined => attributes.flatMap(([name, value]) => (name === wanted && value.startsWith(`${payloadType} `) ? [value.slice(String(payloadType).length + 1).trim()] : []))[0];
    const [encoding = '', clock = ''] = ofType('rtpmap')?.split('/') ?? [];
    const codec = CODECS[encoding.toUpperCase()];
    const clockHz = Number(clock);
    if (codec === undefined || !Number.isInteger(clockHz) || clockHz < 1_000 || clockHz > 1e9) continue;
    const plain = (wanted: string): string | undefined => attributes.find(([name]) => name === wanted)?.[1];
    const rate = Number.parseFloat(plain('framerate') ?? '');
    return {
      codec, payloadType, clockHz, parameterSets: parameterSetsOf(ofType('fmtp') ?? ''),
      frameRate: rate > 0 && rate <= 1_000 ? rate : 0, control: plain('control'),
    };
  }
  return undefined;
}

function parameterSetsOf(format: string): readonly Uint8Array[] {
  const fields = new Map(format.split(';').map(field => {
    const equals = field.indexOf('=');
    return equals < 0 ? [field.trim().toLowerCase(), ''] as const : [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()] as const;
  }));
  return SPROP.flatMap(name => (fields.get(name) ?? '').split(',')).flatMap(base64 => {
    const set = new Uint8Array(Buffer.from(base64, 'base64'));
    return set.length > 1 && set.length <= SET_MAX ? [set] : [];
  });
}
