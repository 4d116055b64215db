import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { systemClock } from '../engine/system-clock.ts';
import { auditTopics, type AuditTopicsOptions, type TopicsReport } from '../data-ops/audit-topics.ts';
import type { TopicName } from '../messages/schema-history.ts';
import type { Config } from '../utility-ops/config/schema.ts';
import { openCluster } from './open-cluster.ts';
import { formatTopics } from './topics-text.ts';

/** A cluster that works on is looked at again after so long. */
const AGAIN_MS = 2_000;

/** `vto verify --kafka`: reads the topics of a cluster and judges them. Exit code 1 when something is wrong. */
export async function verifyTopics(config: Config, { waitMs, format }: { readonly waitMs: number; readonly format: 'table' | 'json' }): Promise<number> {
  const { isSplit } = config.vision;
  const topics: readonly TopicName[] = ['chunks', 'detections', 'positions', ...(isSplit ? ['features' as const] : [])];
  const cluster = await openCluster(config, topics);
  try {
    const options: AuditTopicsOptions = { ...cluster, prefix: config.kafka.topicPrefix, isSplit, createHash: contentHashOf, clock: systemClock, signal: new AbortController().signal };
    const report = await auditAtRest(options, waitMs);
    process.stdout.write(format === 'json' ? `${JSON.stringify(report)}\n` : `${formatTopics(report)}\n`);
    return report.isSound ? 0 : 1;
  } finally {
    await cluster.close();
  }
}

/**
 * Audits until nothing is pending or the time is over. What is found wrong is looked at a second time: the end of a transaction reaches the
 * partitions it wrote to one after the other, and an offset may be seen before the record it speaks of.
 */
async function auditAtRest(options: AuditTopicsOptions, waitMs: number): Promise<TopicsReport> {
  const untilMs = systemClock.monotonicMs() + waitMs;
  let hasDoubted = false;
  for (;;) {
    const report = await auditTopics(options);
    const isWaiting = report.pending > 0 && systemClock.monotonicMs() < untilMs;
    const isDoubted = !report.isSound && !hasDoubted;
    if (!isWaiting && !isDoubted) return report;
    if (isDoubted) hasDoubted = true;
    else if (!report.isSound) return report;
    await systemClock.sleep(isDoubted ? AGAIN_MS : Math.min(AGAIN_MS, Math.max(0, untilMs - systemClock.monotonicMs())));
  }
}
