import { PlatformError } from '../../engine/errors.ts';
import { attributeIn, attributesIn, sdpInvalid, sdpLines, type Attribute, type MediaSection } from './sdp-lines.ts';

/** Codecs that publishers may send. */
export const WHIP_CODECS = ['h264', 'vp8'] as const;

/** Name of one of them. */
export type WhipCodec = typeof WHIP_CODECS[number];

/** The ICE credentials of a side (RFC 8839, section 5.4). */
export interface RemoteIce { readonly ufrag: string; readonly password: string }

/** The format of the video that is taken. */
export interface VideoFormat {
  readonly codec: WhipCodec;
  readonly payloadType: number;
  /** The value of `a=rtpmap`, such as `H264/90000`. */
  readonly encoding: string;
  /** The parameters of `a=fmtp`; empty when there are none. */
  readonly parameters: string;
  /** Feedback that the sender understands, as in `a=rtcp-fb`, such as `nack pli`. */
  readonly feedback: readonly string[];
}

/** A section of the offer as the answer must repeat it. */
export interface OfferedSection { readonly kind: string; readonly protocol: string; readonly format: string; readonly mid: string | undefined }

/** What an offer of a publisher asks for, as far as it is taken. */
export interface Offer {
  readonly video: VideoFormat;
  /** Index of the video among `sections`. */
  readonly videoAt: number;
  readonly sections: readonly OfferedSection[];
  readonly isBundled: boolean;
  readonly ice: RemoteIce;
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  /** We wait for the sender's handshake; else the sender waits for ours. */
  readonly isPassive: boolean;
  /** Identifies the video's packets; undefined when the offer does not say. */
  readonly ssrc: number | undefined;
  /** Of the header extension with transport-wide sequence numbers; undefined without. */
  readonly transportSequenceId: number | undefined;
  readonly hasReducedRtcp: boolean;
}

const TRANSPORT_SEQUENCE_URI = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
/** RTP profiles with DTLS-SRTP and feedback (RFC 5764, section 4; RFC 8866 registry). */
const PROTOCOLS = new Set(['UDP/TLS/RTP/SAVPF', 'UDP/TLS/RTP/SAVP', 'TCP/TLS/RTP/SAVPF', 'RTP/SAVPF']);

/**
 * Reads the offer of a publisher: one video of a codec in `codecs`, the first of them that it offers. Audio and data are left to be turned down.
 * @throws PlatformError SDP_INVALID when it is no usable description, OFFER_REFUSED when it offers what is not taken
 */
export function readOffer(text: string, codecs: readonly WhipCodec[] = WHIP_CODECS): Offer {
  if (!/^v=0\r?\n/.test(text)) throw sdpInvalid('it does not begin with v=0');
  const { attributes, sections } = sdpLines(text);
  const videoAt = sentVideo(sections);
  const section = sections[videoAt];
  if (section === undefined) throw sdpInvalid('it has no media section');
  if (!PROTOCOLS.has(section.protocol)) throw new PlatformError('OFFER_REFUSED', `the video is offered over ${section.protocol}, not UDP/TLS/RTP/SAVPF`, {});
  if (attributeIn(section.attributes, 'rtcp-mux') === undefined) throw sdpInvalid('its video lacks a=rtcp-mux');
  const own = (name: string): string | undefined => attributeIn(section.attributes, name) ?? attributeIn(attributes, name);
  return {
    video: videoFormat(section, codecs), videoAt,
    sections: sections.map(({ kind, protocol, formats, attributes: of }) => ({ kind, protocol, format: formats[0] ?? '0', mid: midOf(of) })),
    isBundled: attributesIn(attributes, 'group').some((group) => /^BUNDLE\b/.test(group)),
    ice: iceOf(own('ice-ufrag'), own('ice-pwd')),
    fingerprints: fingerprintsOf([...section.attributes, ...attributes]),
    isPassive: isPassive(own('setup')),
    ssrc: ssrcOf(section),
    transportSequenceId: extensionOf(section),
    hasReducedRtcp: attributeIn(section.attributes, 'rtcp-rsize') !== undefined,
  };
}

/** Checks credentials (RFC 8839, section 5.4). @throws PlatformError SDP_INVALID */
export function iceOf(ufrag: string | undefined, password: string | undefined): RemoteIce {
  if (ufrag === undefined || !/^[A-Za-z0-9+/]{4,256}$/.test(ufrag)) throw sdpInvalid('a=ice-ufrag is missing or malformed');
  if (password === undefined || !/^[A-Za-z0-9+/]{22,256}$/.test(password)) throw sdpInvalid('a=ice-pwd is missing or malformed');
  return { ufrag, password };
}

/** Index of the one section with video that the sender sends. */
function sentVideo(sections: readonly MediaSection[]): number {
  const videos = [...sections.entries()].filter(([, { kind, port }]) => kind === 'video' && port !== 0);
  const sent = videos.filter(([, { attributes }]) => !attributes.some(({ name }) => name === 'recvonly' || name === 'inactive'));
  const [first] = sent;
  if (first === undefined) {
    const kinds = [...new Set(sections.map(({ kind }) => (kind === 'application' ? 'data' : kind)))];
    throw new PlatformError('OFFER_REFUSED', videos.length > 0 ? 'the video of the offer is not sent, but received or inactive' : `the offer has no video${kinds.length > 0 ? `, only ${kinds.join(' and ')}` : ''}`, {});
  }
  if (sent.length > 1) throw new PlatformError('OFFER_REFUSED', `the offer has ${sent.length} videos; a camera takes one`, {});
  return first[0];
}

function videoFormat(section: MediaSection, codecs: readonly WhipCodec[]): VideoFormat {
  const offered = section.formats.flatMap((format) => {
    const encoding = valueOf(section, 'rtpmap', format);
    return encoding === undefined || !/^\d{1,3}$/.test(format) ? [] : [{ format, encoding, parameters: valueOf(section, 'fmtp', format) ?? '' }];
  });
  for (const codec of codecs) {
    const fitting = offered.filter(({ encoding }) => encoding.toLowerCase() === `${codec}/90000`);
    // Non-interleaved mode lets pictures be larger than packets; single NAL unit mode will do where that is all there is.
    const chosen = fitting.find(({ parameters }) => codec === 'h264' && /(?:^|;)\s*packetization-mode=1\b/.test(parameters)) ?? fitting.find(({ parameters }) => !/packetization-mode=2/.test(parameters));
    if (chosen === undefined) continue;
    const feedback = attributesIn(section.attributes, 'rtcp-fb').flatMap((line) => {
      const [, format, what = ''] = /^(\*|\d{1,3}) (.+)$/.exec(line) ?? [];
      return format === '*' || format === chosen.format ? [what] : [];
    });
    return { codec, payloadType: payloadTypeOf(chosen.format), encoding: chosen.encoding, parameters: chosen.parameters, feedback };
  }
  const names = [...new Set(offered.map(({ encoding }) => encoding.split('/', 1)[0] ?? ''))].filter((name) => !/^(?:rtx|red|ulpfec|flexfec.*)$/i.test(name)).slice(0, 8);
  throw new PlatformError('OFFER_REFUSED', `the offer has video as ${names.join(', ') || 'nothing that is named'}; taken: ${codecs.join(', ')}`, {});
}

function payloadTypeOf(format: string): number {
  const type = Number(format);
  if (type > 127) throw sdpInvalid(`payload type ${type} is none`);
  return type;
}

/** The rest of `a=name:FORMAT rest`. */
function valueOf(section: MediaSection, name: string, format: string): string | undefined {
  return attributesIn(section.attributes, name).find((value) => value.startsWith(`${format} `))?.slice(format.length + 1);
}

function midOf(attributes: readonly Attribute[]): string | undefined {
  const mid = attributeIn(attributes, 'mid');
  if (mid !== undefined && !/^[!#-'*+\-.0-9A-Z^-~]{1,64}$/.test(mid)) throw sdpInvalid('an a=mid is no token');
  return mid;
}

function fingerprintsOf(attributes: readonly Attribute[]): Offer['fingerprints'] {
  const found = attributesIn(attributes, 'fingerprint').flatMap((value) => {
    const [, algorithm, digest] = /^([A-Za-z0-9-]{1,16}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})$/.exec(value) ?? [];
    return algorithm === undefined || digest === undefined ? [] : [{ algorithm: algorithm.toLowerCase(), value: digest.toUpperCase() }];
  });
  const usable = found.filter(({ algorithm }) => ['sha-256', 'sha-384', 'sha-512'].includes(algorithm));
  if (usable.length === 0) throw sdpInvalid('a=fingerprint with sha-256, sha-384 or sha-512 is missing');
  return usable;
}

/** RFC 8842, section 5.2: who starts the handshake. */
function isPassive(setup: string | undefined): boolean {
  if (setup === 'actpass' || setup === 'active') return true;
  if (setup === 'passive') return false;
  throw sdpInvalid('a=setup is missing or none of actpass, active, passive');
}

/** The first one named, which is not that of retransmissions or repairs. */
function ssrcOf({ attributes }: MediaSection): number | undefined {
  const text = attributeIn(attributes, 'ssrc')?.split(' ', 1)[0];
  if (text === undefined) return undefined;
  const [grouped] = attributesIn(attributes, 'ssrc-group').flatMap((group) => /^(?:FID|SIM) (\d{1,10})\b/.exec(group)?.[1] ?? []);
  const ssrc = Number(grouped ?? text);
  if (!Number.isInteger(ssrc) || ssrc < 0 || ssrc > 0xffff_ffff) throw sdpInvalid('an a=ssrc is no number of 32 bits');
  return ssrc;
}

function extensionOf({ attributes }: MediaSection): number | undefined {
  for (const value of attributesIn(attributes, 'extmap')) {
    const [, id, uri] = /^(\d{1,5})(?:\/[a-z]+)? (\S+)/.exec(value) ?? [];
    if (uri === TRANSPORT_SEQUENCE_URI && Number(id) >= 1 && Number(id) <= 255) return Number(id);
  }
  return undefined;
}

/** The line that takes the extension over into the answer. */
export function transportSequenceLine(id: number): string {
  return `a=extmap:${id} ${TRANSPORT_SEQUENCE_URI}`;
}
