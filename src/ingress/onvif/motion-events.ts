import { PlatformError } from '../../engine/errors.ts';
import type { OnvifDevice } from './connect-onvif.ts';
import type { MediaProfile } from './media-profiles.ts';
import { isNotSupported } from './soap.ts';
import type { SubscriptionReference } from './write-request.ts';
import { childrenOf, descend, textAt, type XmlElement } from './xml.ts';

/** A message that says that something moves, or no longer does. */
export interface MotionMessage {
  /** As sent, prefix included: `tns1:RuleEngine/CellMotionDetector/Motion`. */
  readonly topic: string;
  readonly isMotion: boolean;
  /** Tokens of what it is about: a video source, its configuration, an analytics configuration. */
  readonly tokens: readonly string[];
}

/** How motion is followed. */
export interface MotionOptions {
  readonly device: OnvifDevice;
  /** Makes it anew when it refuses the login: its clock may have been set meanwhile. */
  readonly connect: (signal: AbortSignal) => Promise<OnvifDevice>;
  /** Messages about another video source than this profile's are left out. */
  readonly profile: MediaProfile;
  readonly profiles: readonly MediaProfile[];
  onMotion(message: MotionMessage): void;
  /** Following was interrupted, and is tried again after a pause. */
  onLost?(error: unknown): void;
}

/** Topics that tell of motion, by a part of their path (ONVIF topic namespace; Imaging and Analytics specifications). */
const MOTION_TOPIC = /(?:^|[/:])(?:MotionAlarm|CellMotionDetector|MotionRegionDetector|MotionDetector|Motion)(?:\/|$)/;
const MOTION_ITEMS: readonly string[] = ['IsMotion', 'State'];

/** How long a device may hold a request back while nothing happens; a device that died is noticed after it. */
const HOLD_SECONDS = 15;
const ANSWER_EXTRA_MS = 5_000;
/** A subscription is made to last so long, and is renewed in the middle: the package asks for two minutes. */
const RENEW_AFTER_MS = 50_000;
/** A device that does not hold requests back is not asked more often. */
const ASK_EVERY_MS = { empty: 1_000, busy: 100 } as const;
const BACKOFF_MS = { first: 1_000, most: 60_000 } as const;
const LEAVE_MS = 1_000;
const MESSAGES_MAX = 64;
const ignore = (): void => { /* the package does not send */ };

/**
 * Tells of motion that a camera reports until the signal aborts: subscribes, pulls, renews, and subscribes again after a loss, ever more patiently.
 * Resolves at once for a camera without events, which costs nothing more. Never rejects.
 */
export async function followMotion(options: MotionOptions, signal: AbortSignal): Promise<void> {
  let { device } = options;
  const { clock } = device;
  if (!device.has('events')) return;
  let backoffMs: number = BACKOFF_MS.first;
  while (!signal.aborted) {
    const startMs = clock.monotonicMs();
    try {
      await subscribed({ ...options, device }, signal);
    } catch (error) {
      if (signal.aborted || isNotSupported(error)) return;
      options.onLost?.(error);
      if (error instanceof PlatformError && error.code === 'SOURCE_REFUSED') device = await options.connect(signal).catch(() => device);
    }
    backoffMs = clock.monotonicMs() - startMs > RENEW_AFTER_MS ? BACKOFF_MS.first : backoffMs;
    await clock.sleep(backoffMs, signal).catch(() => { /* the loop sees why */ });
    backoffMs = Math.min(BACKOFF_MS.most, backoffMs * 2);
  }
}

/** One subscription, from its making to its loss. */
async function subscribed(options: MotionOptions, signal: AbortSignal): Promise<void> {
  const { device } = options;
  const subscription = readSubscription(await device.ask(client => { client.createPullPointSubscription(ignore); }, signal), device.label);
  try {
    let renewedAtMs = device.clock.monotonicMs();
    while (!signal.aborted) {
      const askedAtMs = device.clock.monotonicMs();
      const answer = await device.ask(client => { client.pullMessages({ messageLimit: MESSAGES_MAX }, ignore); }, signal, { subscription, holdSeconds: HOLD_SECONDS, limitMs: HOLD_SECONDS * 1_000 + ANSWER_EXTRA_MS });
      const messages = readMotion(answer);
      for (const message of messages) if (isAbout(message, options)) options.onMotion(message);
      const nowMs = device.clock.monotonicMs();
      if (nowMs - renewedAtMs > RENEW_AFTER_MS) {
        // Devices that prolong a subscription with each pull may not know how to renew one.
        await device.ask(client => { client.renew({}, ignore); }, signal, { subscription }).catch((error: unknown) => { if (!isRefusal(error)) throw error; });
        renewedAtMs = nowMs;
      }
      const restMs = (childrenOf(answer, 'NotificationMessage').length > 0 ? ASK_EVERY_MS.busy : ASK_EVERY_MS.empty) - (nowMs - askedAtMs);
      if (restMs > 0) await device.clock.sleep(restMs, signal);
    }
  } finally {
    // Devices have few places for subscriptions.
    await device.ask(client => { client.unsubscribe(ignore); }, AbortSignal.any([]), { subscription, limitMs: LEAVE_MS }).catch(() => { /* it ends by itself after two minutes */ });
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof PlatformError && (error.code === 'ONVIF_REFUSED' || error.code === 'ONVIF_INVALID');
}

/** Reads a `CreatePullPointSubscriptionResponse`. @throws PlatformError ONVIF_INVALID */
export function readSubscription(answer: XmlElement, label: string): SubscriptionReference {
  const reference = descend(answer, 'SubscriptionReference');
  const href = textAt(reference, 'Address');
  if (href === undefined || href.length > 2_048) throw new PlatformError('ONVIF_INVALID', `${label} gave no address of a subscription`, {});
  return { href, subscriptionId: textAt(reference, 'ReferenceParameters', 'SubscriptionId')?.slice(0, 256) };
}

/** Messages of a `PullMessagesResponse` that tell of motion. */
export function readMotion(answer: XmlElement): readonly MotionMessage[] {
  return childrenOf(answer, 'NotificationMessage').slice(0, 4 * MESSAGES_MAX).flatMap(notification => {
    const topic = textAt(notification, 'Topic')?.slice(0, 200);
    const message = descend(notification, 'Message', 'Message');
    if (topic === undefined || !MOTION_TOPIC.test(topic) || message?.attributes.get('PropertyOperation') === 'Deleted') return [];
    const state = items(descend(message, 'Data')).find(([name]) => MOTION_ITEMS.includes(name))?.[1];
    if (state === undefined) return [];
    return [{ topic, isMotion: /^(?:true|1)$/i.test(state.trim()), tokens: items(descend(message, 'Source')).filter(([name]) => name !== 'Rule').map(([, value]) => value) }];
  });
}

function items(part: XmlElement | undefined): readonly (readonly [name: string, value: string])[] {
  return childrenOf(part, 'SimpleItem').slice(0, 32).map(item => [item.attributes.get('Name') ?? '', (item.attributes.get('Value') ?? '').slice(0, 256)]);
}

/** True unless the message names what belongs to other profiles of the device alone, as channels of a recorder do. */
function isAbout({ isMotion, tokens }: MotionMessage, { profile, profiles }: MotionOptions): boolean {
  if (!isMotion) return false;
  const own = tokensOf(profile);
  if (tokens.some(token => own.includes(token))) return true;
  const others = profiles.flatMap(tokensOf);
  return !tokens.some(token => others.includes(token));
}

function tokensOf({ sourceToken, sourceConfigurationToken, analyticsToken }: MediaProfile): readonly string[] {
  return [sourceToken, sourceConfigurationToken, analyticsToken].filter(token => token !== undefined);
}
