import { Kafka, logLevel } from 'kafkajs';

/** Takes topics of a test from a broker that others use too. Those that are gone already are no error. */
export async function deleteTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const existing = await admin.listTopics();
    await admin.deleteTopics({ topics: topics.filter((topic) => existing.includes(topic)) });
  } finally {
    await admin.disconnect();
  }
}
