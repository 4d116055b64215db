import { epochMicros } from '../../src/engine/units.ts';
import type { LinkView } from '../../src/serving-ops/service.ts';
import type { KafkaState } from '../../src/transports/kafka-types.ts';

/** A link to Kafka as it is shown. */
export function linkOf(name: string, { state, since, message }: KafkaState): LinkView {
  return { name, state, since: epochMicros(since * 1000), ...(message === undefined ? {} : { message }) };
}

/** How a link to Kafka is, in words. */
export function linkText(state: KafkaState | undefined): string {
  if (state === undefined) return 'it has just started';
  if (state.state === 'up') return 'the brokers are there';
  return `the brokers cannot be reached${state.message === undefined ? '' : ` (${state.message})`}`;
}
