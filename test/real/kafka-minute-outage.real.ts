import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { auditTopics, type TopicsReport } from '../../src/data-ops/audit-topics.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';
import { ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { testNode } from '../support/kafka/test-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startVto } from '../support/vto-process.ts';

const OUTAGE_MS = 60_000;
const FPS = 10;
/** A broker that starts on a busy machine takes its time before it coordinates its first group. */
const LIMIT_MS = 150_000;
const IDS = ['dock', 'gate'];
const CAMERAS = IDS.flatMap((id, index) => ['--camera', `${id}=synthetic://yard?size=320x180&fps=${FPS}&seed=${index}`]);

const framesOf = ({ balances }: TopicsReport): number => balances.reduce((sum, { frames }) => sum + frames, 0);
const detectedOf = ({ balances }: TopicsReport): number => balances.reduce((sum, { detected }) => sum + detected, 0);

const probe = await ownKafkaOrSkip();
if (probe !== undefined) test(`Kafka ${probe.version}: nodes with default settings start without brokers, and lose nothing to a minute without them`, async () => {
  const [address] = probe.brokers;
  await probe.close();
  const prefix = `minute-${randomBytes(6).toString('hex')}`;
  const env = { VTO__KAFKA__TOPIC_PREFIX: prefix, VTO__KAFKA__PARTITIONS: '4' };
  const [camera, detector] = await Promise.all([
    startVto(temporaryFolder(), ['--kafka', address!, '--roles', 'camera,recorder', ...CAMERAS], env),
    startVto(temporaryFolder(), ['--kafka', address!, '--roles', 'detector'], env),
  ]);
  const kafka = await ownKafkaOrSkip({ port: Number(address!.split(':')[1]) });
  assert.ok(kafka, 'the broker starts');
  const { node } = testNode(kafka.brokers);
  const audit = async (): Promise<TopicsReport> => auditTopics({ node, codecs: recordCodecs(fixedSchemaIds()), prefix, isSplit: false, createHash: contentHashOf, clock: systemClock, signal: NEVER });
  /** Once `isEnough`, what the topics hold. */
  const untilAudited = async (isEnough: (report: TopicsReport) => boolean, what: string): Promise<TopicsReport> => {
    let report: TopicsReport | undefined;
    let looking: Promise<unknown> | undefined;
    await eventually(() => {
      looking ??= audit().then(seen => { report = seen; }, () => { /* the brokers have just come */ }).finally(() => { looking = undefined; });
      return report !== undefined && isEnough(report);
    }, what, LIMIT_MS);
    await looking;
    return report!;
  };
  const before = await untilAudited(report => report.balances.length === IDS.length && detectedOf(report) > 50, 'detections of both cameras');

  await kafka.kill();
  const fromMs = performance.now();
  await eventually(() => performance.now() - fromMs > OUTAGE_MS, 'the outage', OUTAGE_MS + 10_000);
  assert.match(await camera.text('/readyz'), /cannot be reached/);
  await kafka.restart();

  const missed = IDS.length * FPS * OUTAGE_MS / 1000;
  const after = await untilAudited(report => framesOf(report) > framesOf(before) + missed && report.pending < 3 * IDS.length * FPS, 'everything is caught up with');
  assert.equal([after.problems, after.isSound], [[], true]);
  assert.equal(after.balances.map(({ camera: id }) => id), IDS, 'no camera began a session anew');
  assert.ok(after.chunksProven >= IDS.length, `${after.chunksProven} chunks are on Kafka as they were recorded`);
  const stale = after.balances.reduce((sum, { dropped }) => sum + (dropped.stale ?? 0), 0);
  assert.ok(stale < missed / 10, `${stale} of ${missed} frames of the outage were left out`);
  assert.is(await camera.stop(), 0);
  assert.is(await detector.stop(), 0);
  await node.close();
  await kafka.close();
});

test.run();
