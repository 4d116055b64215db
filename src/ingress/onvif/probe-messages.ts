import { PlatformError } from '../../engine/errors.ts';
import { envelopeOf } from './soap.ts';
import { childrenOf, descend, textAt, type XmlElement } from './xml.ts';

/** A device that answered a probe. */
export interface DiscoveredDevice {
  /** Its endpoint (`urn:uuid:…`), which stays when its address changes. */
  readonly id: string;
  /** Of its scopes; empty where it names none. */
  readonly name: string;
  readonly hardware: string;
  readonly location: string;
  /** Where it answered from. */
  readonly host: string;
  /** To add it with, without login. */
  readonly uri: string;
  /** Addresses of its device service as it named them; some may not be reachable from here. */
  readonly addresses: readonly string[];
  readonly scopes: readonly string[];
}

/** Kinds of device that are asked for: before and since the device service had a type of its own (ONVIF Core specification, section 7.3.1). */
const TYPES = [
  { type: 'dn:NetworkVideoTransmitter', namespace: 'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"' },
  { type: 'tds:Device', namespace: 'xmlns:tds="http://www.onvif.org/ver10/device/wsdl"' },
] as const;

/** Probe messages of one discovery (WS-Discovery 1.0, April 2005, section 5.2). `ids`: a UUID for each, which answers relate to. */
export function probes(ids: readonly string[]): readonly string[] {
  return TYPES.map(({ type, namespace }, index) => '<?xml version="1.0" encoding="UTF-8"?>'
    + '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
    + `<s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action><a:MessageID>urn:uuid:${ids[index] ?? ''}</a:MessageID>`
    + '<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>'
    + '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
    + `<s:Body><d:Probe><d:Types ${namespace}>${type}</d:Types></d:Probe></s:Body></s:Envelope>`);
}

const MATCHES_MAX = 16;
const TEXT_MAX = 256;

/**
 * Devices of a ProbeMatches message that came from `sender`; empty for an answer to somebody else's probe.
 * @throws PlatformError ONVIF_INVALID when it is no such message
 */
export function readProbeMatches(text: string, sender: string, ids: readonly string[]): readonly DiscoveredDevice[] {
  const envelope = envelopeOf(text, sender);
  const relates = textAt(envelope, 'Header', 'RelatesTo')?.toLowerCase();
  if (relates !== undefined && !ids.some(id => relates.endsWith(id.toLowerCase()))) return [];
  const matches = childrenOf(descend(envelope, 'Body', 'ProbeMatches'), 'ProbeMatch').slice(0, MATCHES_MAX);
  if (matches.length === 0) throw new PlatformError('ONVIF_INVALID', `${sender} answered a probe with no match`, {});
  return matches.flatMap(match => deviceOf(match, sender) ?? []);
}

function deviceOf(match: XmlElement, sender: string): DiscoveredDevice | undefined {
  const words = (name: string): readonly string[] => (textAt(match, name) ?? '').split(/\s+/).filter(word => word !== '').slice(0, 64).map(word => word.slice(0, 1_024));
  const addresses = words('XAddrs');
  const scopes = words('Scopes');
  const urls = addresses.map(httpUrl).filter(url => url !== undefined);
  const url = urls.find(({ hostname }) => hostname === sender) ?? urls.find(({ hostname }) => !hostname.startsWith('[')) ?? urls[0];
  if (!url) return undefined;
  const host = url.hostname;
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  // An address that is not the one it answered from may be one that only others reach.
  const reached = urls.some(({ hostname }) => hostname === sender) ? host : sender;
  return {
    id: (textAt(match, 'EndpointReference', 'Address') ?? `${reached}:${port}`).slice(0, TEXT_MAX), host: reached, uri: `onvif://${reached}${port === 80 ? '' : `:${port}`}${pathOf(url)}`,
    name: scopeOf(scopes, 'name'), hardware: scopeOf(scopes, 'hardware'), location: scopeOf(scopes, 'location'), addresses, scopes,
  };
}

/** Only a path that is not where every device has it has to be said. */
function pathOf({ pathname }: URL): string {
  return pathname === '/onvif/device_service' || pathname === '/' ? '/' : pathname;
}

function httpUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text);
}

/** The last parts of the scopes of a kind, in words (ONVIF Core specification, section 7.3.3). */
function scopeOf(scopes: readonly string[], kind: string): string {
  const values = scopes.flatMap(scope => {
    const [, name, value] = /^onvif:\/\/www\.onvif\.org\/([a-z]+)\/(.+)$/i.exec(scope) ?? [];
    return name?.toLowerCase() === kind && value !== undefined ? [readable(value)] : [];
  });
  return values.join(', ').slice(0, TEXT_MAX);
}

function readable(value: string): string {
  let text = value;
  try {
    text = decodeURIComponent(value);
  } catch { /* it is shown as it was sent */ }
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '').trim();
}
