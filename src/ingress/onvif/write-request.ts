import { createHash, randomBytes } from 'node:crypto';
import type { Cam } from 'onvif';
import { PlatformError } from '../../engine/errors.ts';
import type { Login } from '../login.ts';
import { escapeXml } from './xml.ts';

/** Writes one request: calls one method of the package's client. Texts given to it have to be escaped (`escapeXml`): it escapes nothing. */
export type Writing = (client: Cam) => void;

/** A request as the package wrote it. */
export interface WrittenRequest {
  /** Service it is for, by the package's name; undefined: the device service. */
  readonly service: string | undefined;
  readonly body: string;
  /** Namespace and name of the operation. */
  readonly action: string;
}

/** A subscription that requests are for. */
export interface SubscriptionReference {
  readonly href: string;
  /** What Axis devices tell subscriptions apart by. */
  readonly subscriptionId: string | undefined;
}

/** What a request is written with. */
export interface Stationery {
  readonly login: Login | undefined;
  /** By the device's clock, in milliseconds since the Unix epoch: devices refuse requests that seem old. */
  readonly createdAtMs: number;
  /** Requests for media go to the Media2 service. */
  readonly isMedia2: boolean;
  readonly subscription?: SubscriptionReference;
  /** So long a device may hold back the answer to PullMessages. @default 60, as the package writes it */
  readonly holdSeconds?: number;
}

/** What the package asks for whatever it is told. */
const HOLD = '<Timeout>PT1M</Timeout>';

/** What of the package's client is private, and replaced here. */
interface Inside {
  _request(options: { readonly service?: string; readonly body: string }): void;
  _envelopeHeader(): string;
  _envelopeFooter(): string;
  _passwordDigest(): { readonly passdigest: string; readonly nonce: string; readonly timestamp: string };
  media2Support: boolean;
  events: Record<string, unknown>;
}

/** Writes a request. @throws PlatformError ONVIF_UNSUPPORTED when `writing` writes none */
export type RequestWriter = (stationery: Stationery, writing: Writing) => WrittenRequest;

/**
 * Has the `onvif` package write requests; nothing of it sends or reads. Its network side has no bound on size, keeps requests for two minutes, and
 * turns version strings into numbers; what it knows well is how devices want to be asked. Loaded when a device is first asked: most processes ask none.
 */
export async function requestWriter(): Promise<RequestWriter> {
  const { default: { Cam: Client } } = await import('onvif');
  return ({ login, createdAtMs, isMedia2, subscription, holdSeconds }, writing) => {
    const client = new Client({ hostname: '', autoconnect: false, ...login && { username: escapeXml(login.user), password: 'set' } }); // the digest below has the real one
    const inside = client as unknown as Inside; // members that its types leave out; the version is pinned
    const written: { service?: string; body: string }[] = [];
    inside._request = options => { written.push(options); };
    inside._passwordDigest = () => passwordDigest(login?.password ?? '', createdAtMs);
    inside.media2Support = isMedia2;
    if (subscription) inside.events['subscription'] = referenceOf(subscription);
    writing(client);
    const [request] = written;
    if (!request) throw new PlatformError('ONVIF_UNSUPPORTED', 'the request could not be written', {});
    const body = holdSeconds === undefined ? request.body : request.body.replace(HOLD, `<Timeout>PT${holdSeconds}S</Timeout>`);
    return { service: request.service, body, action: actionOf(body) };
  };
}

function referenceOf({ href, subscriptionId }: SubscriptionReference): object {
  return { subscriptionReference: { address: { href: escapeXml(href) }, ...subscriptionId && { referenceParameters: { subscriptionId: escapeXml(subscriptionId) } } } };
}

/**
 * A request that the package has no method for: `content` is the body's one element, with its own `xmlns`; texts in it are escaped. `service` as in
 * the addresses of services (`search`, `recording`, …); undefined: the device service.
 */
export function contentOf(service: string | undefined, content: string): Writing {
  return client => {
    const inside = client as unknown as Inside; // as above
    inside._request({ ...service !== undefined && { service }, body: `${inside._envelopeHeader()}${content}${inside._envelopeFooter()}` });
  };
}

/** WS-Security UsernameToken Profile 1.0, section 3.1: Base64(SHA-1(nonce + created + password)). */
function passwordDigest(password: string, createdAtMs: number): ReturnType<Inside['_passwordDigest']> {
  const nonce = randomBytes(16);
  const timestamp = new Date(createdAtMs).toISOString();
  const passdigest = createHash('sha1').update(nonce).update(timestamp, 'utf8').update(password, 'utf8').digest('base64');
  return { passdigest, nonce: nonce.toString('base64'), timestamp };
}

function actionOf(body: string): string {
  const [, name = '', namespace = ''] = /<s:Body[^>]*>\s*<(\w+)[^>]*?xmlns="([^"]*)"/.exec(body) ?? [];
  return `${namespace}/${name}`;
}
