import type { IceCredentials } from './ice-socket.ts';
import { transportSequenceLine, type Offer, type VideoFormat } from './offer.ts';

/** What this side adds to the answer. */
export interface AnswerFacts {
  readonly ice: IceCredentials;
  readonly candidates: readonly string[];
  readonly fingerprint: { readonly algorithm: string; readonly value: string };
  /** Identifies the session (RFC 8866, section 5.2). */
  readonly sessionId: number;
  /** Most that the sender is asked to send, in bits a second; 0: no limit. */
  readonly bitrateMax: number;
}

/** Highest level of H.264 that is in use for video (5.2): what can be received, whatever the sender's own limit. */
const LEVEL = '34';
const FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'transport-cc', 'goog-remb'];

/** The answer to a publisher's offer (RFC 9725, section 4.2; RFC 8829, section 5.3.1): its video is received, everything else turned down. */
export function answerSdp(offer: Offer, facts: AnswerFacts): string {
  const lines = ['v=0', `o=- ${facts.sessionId} 1 IN IP4 0.0.0.0`, 's=-', 't=0 0', 'a=ice-lite'];
  const mid = offer.sections[offer.videoAt]?.mid;
  if (offer.isBundled && mid !== undefined) lines.push(`a=group:BUNDLE ${mid}`);
  for (const [index, section] of offer.sections.entries()) {
    if (index === offer.videoAt) { lines.push(...videoLines(offer, facts, section.protocol)); continue; }
    lines.push(`m=${section.kind} 0 ${section.protocol} ${section.format}`, 'c=IN IP4 0.0.0.0', ...(section.mid === undefined ? [] : [`a=mid:${section.mid}`]), 'a=inactive');
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** The fragment that answers an ICE restart (RFC 9725, section 4.3.3; RFC 8840, section 9). */
export function restartFragment(offer: Offer, facts: Pick<AnswerFacts, 'ice' | 'candidates'>): string {
  const section = offer.sections[offer.videoAt];
  const lines = ['a=ice-lite', ...iceLines(facts.ice), `m=video 9 ${section?.protocol ?? 'UDP/TLS/RTP/SAVPF'} 0`, ...(section?.mid === undefined ? [] : [`a=mid:${section.mid}`]), ...candidateLines(facts.candidates)];
  return `${lines.join('\r\n')}\r\n`;
}

function iceLines({ ufrag, password }: IceCredentials): readonly string[] {
  return [`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${password}`];
}

function candidateLines(candidates: readonly string[]): readonly string[] {
  return [...candidates.map((candidate) => `a=${candidate}`), 'a=end-of-candidates'];
}

function videoLines(offer: Offer, facts: AnswerFacts, protocol: string): readonly string[] {
  const { video, transportSequenceId } = offer;
  const type = video.payloadType;
  const mid = offer.sections[offer.videoAt]?.mid;
  const feedback = FEEDBACK.filter((kind) => video.feedback.includes(kind) && (kind !== 'transport-cc' || transportSequenceId !== undefined) && (kind !== 'goog-remb' || facts.bitrateMax > 0));
  return [
    `m=video 9 ${protocol} ${type}`, 'c=IN IP4 0.0.0.0', ...(facts.bitrateMax > 0 ? [`b=TIAS:${facts.bitrateMax}`] : []), 'a=rtcp:9 IN IP4 0.0.0.0',
    ...iceLines(facts.ice), `a=fingerprint:${facts.fingerprint.algorithm} ${facts.fingerprint.value}`, `a=setup:${offer.isPassive ? 'passive' : 'active'}`,
    ...(mid === undefined ? [] : [`a=mid:${mid}`]), ...(transportSequenceId === undefined ? [] : [transportSequenceLine(transportSequenceId)]),
    'a=recvonly', 'a=rtcp-mux', ...(offer.hasReducedRtcp ? ['a=rtcp-rsize'] : []),
    `a=rtpmap:${type} ${video.encoding}`, ...feedback.map((kind) => `a=rtcp-fb:${type} ${kind}`), ...formatLine(video),
    ...candidateLines(facts.candidates),
  ];
}

/** Profile and mode as offered (RFC 6184, section 8.2.2); the level is what this side can receive where both may differ. */
function formatLine({ codec, payloadType, parameters }: VideoFormat): readonly string[] {
  if (codec !== 'h264') return [];
  const profile = /(?:^|;)\s*profile-level-id=([0-9a-f]{4})([0-9a-f]{2})\b/i.exec(parameters);
  const isAsymmetric = /(?:^|;)\s*level-asymmetry-allowed=1\b/.test(parameters);
  const mode = /(?:^|;)\s*packetization-mode=([01])\b/.exec(parameters)?.[1];
  const said = [
    ...(isAsymmetric ? ['level-asymmetry-allowed=1'] : []), ...(mode === undefined ? [] : [`packetization-mode=${mode}`]),
    ...(profile === null ? [] : [`profile-level-id=${profile[1] ?? ''}${isAsymmetric ? LEVEL : profile[2] ?? ''}`]),
  ];
  return said.length === 0 ? [] : [`a=fmtp:${payloadType} ${said.join(';')}`];
}
