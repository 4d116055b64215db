/** Series of Apache Kafka that tests run on. */
export type KafkaSeries = '3.9' | '4.x';

/** The release of each series that tests start, and the Maven profile with its log binding. */
export const RELEASES = {
  '3.9': { version: '3.9.1', profile: 'kafka-3' },
  '4.x': { version: '4.4.0', profile: 'kafka-4' },
} as const satisfies Record<KafkaSeries, { readonly version: string; readonly profile: string }>;
