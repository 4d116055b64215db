import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Random } from '../../engine/random.ts';
import { BrokerError } from './kafkajs-internals.ts';

/** Where the connection to Kafka reports changes. */
export interface KafkaLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** What everything that talks to brokers is given. */
export interface KafkaDeps { readonly clock: Clock; readonly random: Random; readonly log: KafkaLog }

/** How long something is tried again. */
export interface PatienceOptions {
  readonly signal: AbortSignal;
  /** Time until the first wait, doubled up to `maxMs`. @default 20 and 1000 */
  readonly firstMs?: number;
  readonly maxMs?: number;
  /** After so long the last failure is thrown as KAFKA_UNAVAILABLE. @default never */
  readonly giveUpMs?: number;
  readonly onFailure?: (error: unknown) => void;
}

/** Codes of https://kafka.apache.org/protocol#protocol_error_codes that say: not allowed, whatever is tried. */
const REFUSALS = new Set([29, 30, 31, 53, 54, 58, 65]);

/** What was thrown, in words. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Our own errors, and what the brokers forbid, which no further try can change; undefined: it may pass. */
export function lastingFailure(error: unknown): PlatformError | undefined {
  if (error instanceof PlatformError) return error.code === 'KAFKA_UNAVAILABLE' ? undefined : error;
  const isRefused = error instanceof BrokerError ? REFUSALS.has(error.code) : error instanceof Error && error.name === 'KafkaJSSASLAuthenticationError';
  return isRefused ? new PlatformError('KAFKA_REFUSED', `Kafka refused: ${reasonOf(error)}`, {}, error) : undefined;
}

/**
 * Tries until it succeeds, with growing pauses.
 * @throws the signal's reason when it aborts; PlatformError that lasts (KAFKA_REFUSED, ...); KAFKA_UNAVAILABLE after `giveUpMs`
 */
export async function patiently<Value>(act: () => Promise<Value>, { clock, random }: KafkaDeps, options: PatienceOptions): Promise<Value> {
  const { signal, firstMs = 20, maxMs = 1000, giveUpMs = Infinity } = options;
  const untilMs = clock.monotonicMs() + giveUpMs;
  for (let pauseMs = firstMs; ; pauseMs = Math.min(maxMs, pauseMs * 2)) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      const lasting = lastingFailure(error);
      if (lasting !== undefined) throw lasting;
      options.onFailure?.(error);
      if (clock.monotonicMs() + pauseMs > untilMs) throw new PlatformError('KAFKA_UNAVAILABLE', `Kafka did not answer within ${giveUpMs} ms: ${reasonOf(error)}`, {}, error);
      await clock.sleep(pauseMs * (0.5 + random.next() / 2), signal);
    }
  }
}
