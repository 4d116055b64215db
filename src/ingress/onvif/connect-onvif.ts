import type { LookupFunction } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { addressBook } from '../knock.ts';
import type { Login } from '../login.ts';
import { readDeviceTime } from './device-time.ts';
import { postSoap } from './post-soap.ts';
import { deviceUrl, serviceUrl, type DeviceAddress } from './service-address.ts';
import { readCapabilities, readServices, type OnvifService } from './services.ts';
import { readSoap } from './soap.ts';
import { contentOf, requestWriter, type RequestWriter, type SubscriptionReference, type WrittenRequest, type Writing } from './write-request.ts';
import type { XmlElement } from './xml.ts';

/** Which device, and how it is asked. */
export interface OnvifOptions {
  readonly address: DeviceAddress;
  readonly login: Login | undefined;
  /** Name of the device in messages: its URI without credentials. */
  readonly label: string;
  readonly clock: Clock;
  /** What each request may take. @default 4000 */
  readonly limitMs?: number;
  /** How its name is looked up. @default by a book of addresses of its own */
  readonly lookup?: LookupFunction;
}

/** How one request differs from others. */
export interface AskOptions {
  /** What this request may take. @default that of the device */
  readonly limitMs?: number;
  /** The subscription that it is for, and is sent to. */
  readonly subscription?: SubscriptionReference;
  /** Of PullMessages. @default 60 */
  readonly holdSeconds?: number;
  /** Asks the Media2 service. @default false */
  readonly isMedia2?: boolean;
}

/** An ONVIF device that answered. Holds no connection. */
export interface OnvifDevice {
  readonly label: string;
  readonly address: DeviceAddress;
  readonly login: Login | undefined;
  readonly clock: Clock;
  /** Its clock less ours, in milliseconds; undefined when it did not tell. Requests are stamped by its clock. */
  readonly clockOffsetMs: number | undefined;
  /** Its services as it named them. */
  readonly services: readonly OnvifService[];
  /** True when it offers a service: `media`, `media2`, `ptz`, `events`, `recording`, `search`, `replay`, … */
  has(service: string): boolean;
  /**
   * Asks what the package writes, at the service it is for. Returns the element in the answer's body; an empty one where the body is empty.
   * @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED (login), ONVIF_REFUSED (a fault), ONVIF_UNSUPPORTED (no such service), ONVIF_INVALID;
   * the signal's reason
   */
  ask(writing: Writing, signal: AbortSignal, options?: AskOptions): Promise<XmlElement>;
}

const LIMIT_MS = 4_000;
/** Devices tell whole seconds. */
const HALF_SECOND_MS = 500;
/** Devices refuse requests whose time is further off. */
const SKEW_TOLD_MS = 60_000;
const EMPTY: XmlElement = { name: '', attributes: new Map(), children: [], text: '' };

/**
 * Connects to an ONVIF device: asks what time it has and which services it offers.
 * @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED, ONVIF_INVALID when what answers is no ONVIF device; the signal's reason
 */
export async function connectOnvif(options: OnvifOptions, signal: AbortSignal): Promise<OnvifDevice> {
  const { address, label } = options;
  const asking: Asking = { lookup: addressBook(options.clock), ...options, write: await requestWriter(), clockOffsetMs: undefined, services: [] };
  const clockOffsetMs = await askClock(asking, signal);
  const withClock: Asking = { ...asking, clockOffsetMs };
  const services = await explained(askServices(withClock, signal), clockOffsetMs);
  if (services.length === 0) throw new PlatformError('ONVIF_INVALID', `${label} names no service`, {});
  const complete: Asking = { ...withClock, services };
  return {
    label, address, login: options.login, clock: options.clock, clockOffsetMs, services,
    has: name => services.some(service => service.name === name),
    ask: (writing, asked, how) => explained(ask(complete, writing, asked, how), clockOffsetMs),
  };
}

interface Asking extends OnvifOptions {
  readonly write: RequestWriter;
  readonly clockOffsetMs: number | undefined;
  readonly services: readonly OnvifService[];
}

const TIME = '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/>';

/** Without login: it can only be judged once its clock is known. Devices that want one all the same are asked with our time. */
async function askClock(asking: Asking, signal: AbortSignal): Promise<number | undefined> {
  const { clock, label } = asking;
  const measure = async (login: Login | undefined): Promise<number | undefined> => {
    const sentAt = clock.now();
    const answer = await ask({ ...asking, login }, contentOf(undefined, TIME), signal);
    if (answer.name !== 'GetSystemDateAndTimeResponse') throw new PlatformError('ONVIF_INVALID', `${label} answered <${answer.name.slice(0, 40)}> when asked for its time`, {});
    const timeMs = readDeviceTime(answer);
    return timeMs === undefined ? undefined : Math.round(timeMs + HALF_SECOND_MS - (sentAt + clock.now()) / 2_000);
  };
  try {
    return await measure(undefined);
  } catch (error) {
    if (!(error instanceof PlatformError) || !isRefusal(error)) throw error;
    return await measure(asking.login).catch((again: unknown) => { if (isRefusal(again) && (again as PlatformError).code === 'ONVIF_REFUSED') return undefined; throw again; });
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof PlatformError && (error.code === 'SOURCE_REFUSED' || error.code === 'ONVIF_REFUSED');
}

/** GetServices, or what older devices have instead of it. */
async function askServices(asking: Asking, signal: AbortSignal): Promise<readonly OnvifService[]> {
  try {
    return readServices(await ask(asking, client => { client.getServices(false, ignore); }, signal));
  } catch (error) {
    if (!(error instanceof PlatformError) || (error.code !== 'ONVIF_REFUSED' && error.code !== 'ONVIF_INVALID')) throw error;
    return readCapabilities(await ask(asking, client => { client.getCapabilities(ignore); }, signal));
  }
}

async function ask(asking: Asking, writing: Writing, signal: AbortSignal, how: AskOptions = {}): Promise<XmlElement> {
  const { clock, login, label, lookup, limitMs = LIMIT_MS } = asking;
  const { subscription, holdSeconds, isMedia2 = false } = how;
  const createdAtMs = clock.now() / 1000 + (asking.clockOffsetMs ?? 0);
  const written = asking.write({ login, createdAtMs, isMedia2, ...subscription && { subscription }, ...holdSeconds !== undefined && { holdSeconds } }, writing);
  const url = subscription ? serviceUrl(subscription.href, asking.address) : urlOf(written, asking);
  const { text } = await postSoap({ url, body: written.body, action: written.action, login, label, limitMs: how.limitMs ?? limitMs, clock, lookup, signal });
  return readSoap(text, label) ?? EMPTY;
}

function urlOf({ service }: WrittenRequest, { address, services, label }: Asking): URL {
  if (service === undefined) return deviceUrl(address);
  const found = services.find(each => each.name === service);
  if (!found) throw new PlatformError('ONVIF_UNSUPPORTED', `${label} has no service '${service}' (it has: ${services.map(({ name }) => name).join(', ')})`, { service });
  return serviceUrl(found.address, address);
}

/** A login that is refused by a device whose clock is far from ours: the time was corrected, and that it differs may still be the reason. */
async function explained<Value>(asked: Promise<Value>, clockOffsetMs: number | undefined): Promise<Value> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'SOURCE_REFUSED' || clockOffsetMs === undefined || Math.abs(clockOffsetMs) < SKEW_TOLD_MS) throw error;
    const seconds = Math.round(clockOffsetMs / 1000);
    throw new PlatformError(error.code, `${error.message} (its clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}, which requests allow for)`, { ...error.facts, clockOffsetMs }, error);
  }
}

/** The package wants to be told of answers. */
function ignore(): void { /* nothing of it is sent */ }
