import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';

const settings = { topicPrefix: 'site', partitions: 6, replication: 3, chunksRetentionHours: 4, recordsRetentionHours: 168, maxPartBytes: 4 << 20 };
const configOf = (topic: string, extra = {}): Readonly<Record<string, string>> => topicSpecs({ ...settings, ...extra }).find((spec) => spec.topic === `site.${topic}`)?.config ?? {};

test('all topics have one number of partitions and copies', () => {
  assert.equal(topicSpecs(settings).map(({ topic, partitions, replication }) => [topic, partitions, replication]),
    ['chunks', 'features', 'detections', 'events', 'cameras', 'models', 'positions', 'dead-letters'].map((name) => [`site.${name}`, 6, 3]));
});

test('video goes soon, records later, wishes and positions never', () => {
  assert.equal([configOf('chunks')['retention.ms'], configOf('features')['retention.ms'], configOf('detections')['retention.ms']], ['14400000', '14400000', '604800000']);
  assert.is(configOf('chunks')['segment.ms'], '3600000');
  assert.equal(['cameras', 'positions', 'chunks'].map((name) => configOf(name)['cleanup.policy']), ['compact', 'compact', 'delete']);
  assert.is(configOf('positions')['retention.ms'], undefined);
  assert.is(configOf('chunks', { chunksRetentionHours: 0.01 })['retention.ms'], '36000');
});

test('a dead letter has room for the largest record of any topic and its own words', () => {
  for (const maxPartBytes of [1 << 20, 64 << 20]) {
    const [part, tensor, letter] = ['chunks', 'features', 'dead-letters'].map((name) => Number(configOf(name, { maxPartBytes })['max.message.bytes']));
    assert.ok(part! > maxPartBytes && tensor! >= part! && letter! > tensor!);
  }
});

test('the default settings make topics', () => {
  assert.is(topicSpecs(loadConfig({ environment: {}, cwd: '/' }).kafka)[0]?.topic, 'vto.chunks');
});

test.run();
