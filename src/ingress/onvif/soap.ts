import { PlatformError } from '../../engine/errors.ts';
import { redactUri } from '../../utility-ops/redact-uri.ts';
import { childrenOf, descend, parseXml, textAt, type XmlElement } from './xml.ts';

/** What a device calls a refusal of the login: WS-Security 1.1 section 12, ONVIF Core 5.8.2.5, and what devices write instead. */
const LOGIN_REFUSED = /notauthorized|not authorized|failedauthentication|invalidsecurity|unauthorized|failedcheck|invalidsecuritytoken|wrong password|account.*lock/i;

/**
 * The first element in the body of a SOAP answer; undefined when the body is empty.
 * @throws PlatformError ONVIF_INVALID when it is no SOAP; SOURCE_REFUSED and ONVIF_REFUSED for a fault
 */
export function readSoap(text: string, label: string): XmlElement | undefined {
  const envelope = envelopeOf(text, label);
  const body = descend(envelope, 'Body');
  if (!body) throw new PlatformError('ONVIF_INVALID', `${label} answered a SOAP envelope without body`, {});
  const [content] = body.children;
  if (content?.name === 'Fault') throw faultOf(content, label);
  return content;
}

/** The envelope itself, for what is in its header. @throws PlatformError ONVIF_INVALID */
export function envelopeOf(text: string, label: string): XmlElement {
  let root: XmlElement;
  try {
    root = parseXml(text);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    throw new PlatformError('ONVIF_INVALID', `${label} answered what is no SOAP: ${error.message}`, error.facts, error);
  }
  if (root.name !== 'Envelope') throw new PlatformError('ONVIF_INVALID', `${label} answered what is no SOAP: the root is <${root.name.slice(0, 40)}>`, {});
  return root;
}

/** SOAP 1.2 (Code, Reason) and 1.1 (faultcode, faultstring). */
function faultOf(fault: XmlElement, label: string): PlatformError {
  const codes = [textAt(fault, 'faultcode'), ...codesOf(descend(fault, 'Code'))].filter(code => code !== undefined);
  const reason = textAt(fault, 'Reason', 'Text') ?? textAt(fault, 'faultstring') ?? textAt(fault, 'Detail', 'Text') ?? '';
  const code = (codes.at(-1) ?? 'fault').replace(/^[^:]*:/, '').slice(0, 80);
  const said = redactUri([code, reason.replace(/\s+/g, ' ').slice(0, 200)].filter(part => part !== '').join(': '));
  if (LOGIN_REFUSED.test(`${codes.join(' ')} ${reason}`)) return new PlatformError('SOURCE_REFUSED', `${label} refused the login: ${said}`, { fault: code });
  return new PlatformError('ONVIF_REFUSED', `${label} refused: ${said}`, { fault: codes.map(each => each.replace(/^[^:]*:/, '')).join('/').slice(0, 200) });
}

function codesOf(code: XmlElement | undefined): readonly (string | undefined)[] {
  const codes: (string | undefined)[] = [];
  for (let at = code; at && codes.length < 8; [at] = childrenOf(at, 'Subcode')) codes.push(textAt(at, 'Value'));
  return codes;
}

/** True for a fault that says that the device has no such function. */
export function isNotSupported(error: unknown): boolean {
  if (!(error instanceof PlatformError)) return false;
  if (error.code === 'ONVIF_UNSUPPORTED') return true;
  return error.code === 'ONVIF_REFUSED' && /notsupported|notimplemented|unknownaction|not implemented|not supported/i.test(`${String(error.facts['fault'])} ${error.message}`);
}
