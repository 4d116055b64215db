import { iceOf, type RemoteIce } from './offer.ts';
import { attributeIn, sdpInvalid, sdpLines } from './sdp-lines.ts';

/** What a fragment of ICE says (RFC 8840, section 9). */
export interface TrickleFragment {
  readonly ice: RemoteIce;
  /** Candidates it names. */
  readonly candidates: number;
}

const CANDIDATES_MAX = 64;

/**
 * Reads a fragment with candidates or new credentials. The candidates are checked and counted only: a lite agent asks nobody (RFC 8445, section 2.5),
 * the publisher tries its candidates itself.
 * @throws PlatformError SDP_INVALID
 */
export function readTrickle(text: string): TrickleFragment {
  const { attributes, sections } = sdpLines(text);
  const all = [...attributes, ...sections.flatMap((section) => section.attributes)];
  const candidates = all.filter(({ name }) => name === 'candidate');
  if (candidates.length > CANDIDATES_MAX) throw sdpInvalid(`it has ${candidates.length} candidates`);
  for (const { value } of candidates) if (!/^[A-Za-z0-9+/]{1,32} \d{1,5} \S{1,16} \d{1,10} \S{1,255} \d{1,5} typ \S+/.test(value)) throw sdpInvalid('an a=candidate is malformed');
  return { ice: iceOf(attributeIn(all, 'ice-ufrag'), attributeIn(all, 'ice-pwd')), candidates: candidates.length };
}
