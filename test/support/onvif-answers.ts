import { createHash } from 'node:crypto';

/** What a simulated camera is and can. */
export interface CameraTraits {
  readonly user: string;
  readonly password: string;
  readonly information: Readonly<Record<'Manufacturer' | 'Model' | 'FirmwareVersion' | 'SerialNumber' | 'HardwareId', string>>;
  readonly uuid: string;
  /** Its clock less the real one. */
  readonly clockOffsetMs: number;
  readonly hasMedia2: boolean;
  readonly hasPtz: boolean;
  readonly hasEvents: boolean;
  /** It knows GetCapabilities only. */
  readonly isOld: boolean;
  /** `host[:port]` that its answers name. */
  readonly namedHost: string;
  /** `rtsp://…` of each profile, by token. */
  readonly streams: Readonly<Record<string, string>>;
}

/** Where it looks. */
export interface Pose { pan: number; tilt: number; zoom: number; isMoving: boolean }

const NAMESPACES = 'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
  + 'xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl" '
  + 'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa5="http://www.w3.org/2005/08/addressing" xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:ter="http://www.onvif.org/ver10/error"';

/** Text for an element. */
export function xmlText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** A SOAP answer. */
export function envelope(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope ${NAMESPACES}><s:Header/><s:Body>${body}</s:Body></s:Envelope>`;
}

/** A SOAP fault. */
export function faultAnswer(subcode: string, reason: string): string {
  return envelope(`<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:${subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">${reason}</s:Text></s:Reason></s:Fault>`);
}

const SERVICES: readonly (readonly [name: string, namespace: string])[] = [
  ['device', 'http://www.onvif.org/ver10/device/wsdl'], ['media', 'http://www.onvif.org/ver10/media/wsdl'], ['media2', 'http://www.onvif.org/ver20/media/wsdl'],
  ['ptz', 'http://www.onvif.org/ver20/ptz/wsdl'], ['events', 'http://www.onvif.org/ver10/events/wsdl'],
];

function servicesOf({ hasMedia2, hasPtz, hasEvents }: CameraTraits): typeof SERVICES {
  return SERVICES.filter(([name]) => (name !== 'media2' || hasMedia2) && (name !== 'ptz' || hasPtz) && (name !== 'events' || hasEvents));
}

function path(name: string): string {
  return name === 'device' ? '/onvif/device_service' : `/onvif/${name}`;
}

function dateAndTime(offsetMs: number): string {
  const at = new Date(Date.now() + offsetMs);
  const time = `<tt:Time><tt:Hour>${at.getUTCHours()}</tt:Hour><tt:Minute>${at.getUTCMinutes()}</tt:Minute><tt:Second>${at.getUTCSeconds()}</tt:Second></tt:Time>`;
  const date = `<tt:Date><tt:Year>${at.getUTCFullYear()}</tt:Year><tt:Month>${at.getUTCMonth() + 1}</tt:Month><tt:Day>${at.getUTCDate()}</tt:Day></tt:Date>`;
  return `<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>${time}${date}</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`;
}

const PROFILES = [
  { token: 'profile_1', name: 'mainStream', width: 1920, height: 1080, rate: 25 },
  { token: 'profile_2', name: 'subStream', width: 640, height: 360, rate: 15 },
] as const;

function profiles({ hasPtz }: CameraTraits): string {
  const ptz = hasPtz ? '<tt:PTZConfiguration token="ptz_1"><tt:Name>ptz</tt:Name><tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>' : '';
  return `<trt:GetProfilesResponse>${PROFILES.map(({ token, name, width, height, rate }) => `<trt:Profiles token="${token}" fixed="true"><tt:Name>${name}</tt:Name>`
    + '<tt:VideoSourceConfiguration token="vsc_1"><tt:Name>source</tt:Name><tt:SourceToken>source_1</tt:SourceToken></tt:VideoSourceConfiguration>'
    + `<tt:VideoEncoderConfiguration token="enc_${token}"><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution>`
    + `<tt:RateControl><tt:FrameRateLimit>${rate}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>2048</tt:BitrateLimit></tt:RateControl></tt:VideoEncoderConfiguration>${ptz}</trt:Profiles>`).join('')}</trt:GetProfilesResponse>`;
}

function profiles2({ hasPtz }: CameraTraits): string {
  const ptz = hasPtz ? '<tr2:PTZ token="ptz_1"/>' : '';
  return `<tr2:GetProfilesResponse>${PROFILES.map(({ token, name, width, height, rate }) => `<tr2:Profiles token="${token}" fixed="true"><tr2:Name>${name}</tr2:Name><tr2:Configurations>`
    + '<tr2:VideoSource token="vsc_1"><tt:SourceToken>source_1</tt:SourceToken></tr2:VideoSource>'
    + `<tr2:VideoEncoder token="enc_${token}"><tt:Encoding>H265</tt:Encoding><tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution>`
    + `<tt:RateControl ConstantBitRate="false"><tt:FrameRateLimit>${rate}</tt:FrameRateLimit><tt:BitrateLimit>1024</tt:BitrateLimit></tt:RateControl></tr2:VideoEncoder>${ptz}</tr2:Configurations></tr2:Profiles>`).join('')}</tr2:GetProfilesResponse>`;
}

function status({ pan, tilt, zoom, isMoving }: Pose): string {
  const state = isMoving ? 'MOVING' : 'IDLE';
  return `<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="${pan}" y="${tilt}"/><tt:Zoom x="${zoom}"/></tt:Position><tt:MoveStatus><tt:PanTilt>${state}</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus><tt:UtcTime>2026-01-01T00:00:00Z</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>`;
}

const PRESETS = '<tptz:GetPresetsResponse><tptz:Preset token="1"><tt:Name>gate &amp; yard</tt:Name><tt:PTZPosition><tt:PanTilt x="0.5" y="-0.25"/><tt:Zoom x="0.1"/></tt:PTZPosition></tptz:Preset><tptz:Preset token="007"><tt:Name>007</tt:Name></tptz:Preset></tptz:GetPresetsResponse>';

/** The answer's body to an operation that changes nothing; undefined when the camera does not have it. */
export function answerOf(operation: string, request: string, traits: CameraTraits, pose: Pose): string | undefined {
  const { namedHost, streams, information, isOld, hasPtz, hasEvents } = traits;
  const token = /<ProfileToken>([^<]*)</.exec(request)?.[1] ?? '';
  const isMedia2 = request.includes('ver20/media');
  switch (operation) {
    case 'GetSystemDateAndTime': return dateAndTime(traits.clockOffsetMs);
    case 'GetServices': return isOld ? undefined : `<tds:GetServicesResponse>${servicesOf(traits).map(([name, namespace]) => `<tds:Service><tds:Namespace>${namespace}</tds:Namespace><tds:XAddr>http://${namedHost}${path(name)}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`).join('')}</tds:GetServicesResponse>`;
    case 'GetCapabilities': return `<tds:GetCapabilitiesResponse><tds:Capabilities>${servicesOf(traits).filter(([name]) => name !== 'media2').map(([name]) => { const tag = name === 'ptz' ? 'PTZ' : `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`; return `<tt:${tag}><tt:XAddr>http://${namedHost}${path(name)}</tt:XAddr></tt:${tag}>`; }).join('')}</tds:Capabilities></tds:GetCapabilitiesResponse>`;
    case 'GetDeviceInformation': return `<tds:GetDeviceInformationResponse>${Object.entries(information).map(([name, value]) => `<tds:${name}>${xmlText(value)}</tds:${name}>`).join('')}</tds:GetDeviceInformationResponse>`;
    case 'GetProfiles': return isMedia2 ? profiles2(traits) : profiles(traits);
    case 'GetStreamUri': {
      const uri = streams[token];
      if (uri === undefined) return undefined;
      return isMedia2 ? `<tr2:GetStreamUriResponse><tr2:Uri>${xmlText(uri)}</tr2:Uri></tr2:GetStreamUriResponse>` : `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>${xmlText(uri)}</tt:Uri><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>`;
    }
    case 'GetSnapshotUri': return isMedia2 ? `<tr2:GetSnapshotUriResponse><tr2:Uri>http://${namedHost}/snap.jpg?profile=${token}</tr2:Uri></tr2:GetSnapshotUriResponse>` : `<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://${namedHost}/snap.jpg?profile=${token}</tt:Uri></trt:MediaUri></trt:GetSnapshotUriResponse>`;
    case 'GetStatus': return hasPtz ? status(pose) : undefined;
    case 'GetPresets': return hasPtz ? PRESETS : undefined;
    case 'ContinuousMove': case 'AbsoluteMove': case 'RelativeMove': case 'Stop': case 'GotoPreset': return hasPtz ? `<tptz:${operation}Response/>` : undefined;
    case 'CreatePullPointSubscription': return hasEvents ? `<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa5:Address>http://${namedHost}/onvif/pull</wsa5:Address></tev:SubscriptionReference><wsnt:CurrentTime>${new Date().toISOString()}</wsnt:CurrentTime><wsnt:TerminationTime>${new Date(Date.now() + 120_000).toISOString()}</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>` : undefined;
    case 'Renew': return '<wsnt:RenewResponse/>';
    case 'Unsubscribe': return '<wsnt:UnsubscribeResponse/>';
    default: return undefined;
  }
}

/** The answer to PullMessages: one message of motion for each state. */
export function motionAnswer(states: readonly boolean[]): string {
  const now = new Date().toISOString();
  return `<tev:PullMessagesResponse><tev:CurrentTime>${now}</tev:CurrentTime><tev:TerminationTime>${now}</tev:TerminationTime>${states.map(state => '<wsnt:NotificationMessage><wsnt:Topic>tns1:RuleEngine/CellMotionDetector/Motion</wsnt:Topic><wsnt:Message>'
    + `<tt:Message UtcTime="${now}" PropertyOperation="Changed"><tt:Source><tt:SimpleItem Name="VideoSourceConfigurationToken" Value="vsc_1"/><tt:SimpleItem Name="Rule" Value="1"/></tt:Source><tt:Data><tt:SimpleItem Name="IsMotion" Value="${state}"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>`).join('')}</tev:PullMessagesResponse>`;
}

/** True when the WS-Security header of a request holds the password, stamped within a minute of the camera's clock. */
export function hasLogin(request: string, { user, password, clockOffsetMs }: CameraTraits): boolean {
  const part = (name: string): string => new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)<`).exec(request)?.[1] ?? '';
  const created = part('Created');
  const expected = createHash('sha1').update(Buffer.from(part('Nonce'), 'base64')).update(created, 'utf8').update(password, 'utf8').digest('base64');
  const isFresh = Math.abs(Date.parse(created) - (Date.now() + clockOffsetMs)) < 60_000;
  const name = part('Username').replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  return name === user && part('Password') === expected && isFresh;
}

/** A ProbeMatches message. */
export function probeMatch(request: string, traits: CameraTraits, location: string): string {
  const id = /MessageID[^>]*>([^<]+)</.exec(request)?.[1] ?? '';
  return '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    + `<s:Header><a:MessageID>urn:uuid:${traits.uuid}</a:MessageID><a:RelatesTo>${id}</a:RelatesTo><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>`
    + `<a:EndpointReference><a:Address>urn:uuid:${traits.uuid}</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>`
    + `<d:Scopes>onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/${encodeURIComponent(traits.information.Model)} onvif://www.onvif.org/hardware/${encodeURIComponent(traits.information.HardwareId)} onvif://www.onvif.org/location/${encodeURIComponent(location)}</d:Scopes>`
    + `<d:XAddrs>http://${traits.namedHost}/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>`;
}
