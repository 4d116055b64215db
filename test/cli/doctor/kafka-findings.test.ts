import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { brokerFindings, clockFindings, weightFindings } from '../../../src/cli/doctor/kafka-findings.ts';
import type { Traffic } from '../../../src/cli/doctor/kafka-traffic.ts';
import type { BrokerInspection } from '../../../src/transports/kafka/inspect-brokers.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import type { ConfigInput } from '../../../src/utility-ops/config/schema.ts';
import { SMALL_SHAPE } from '../../support/model-frames.ts';

const configOf = (flags: ConfigInput = {}): ReturnType<typeof loadConfig> => loadConfig({ cwd: '/', flags: { ...flags, kafka: { brokers: ['a:1'], partitions: 4, ...flags.kafka } } });
const SHAPE = { ...SMALL_SHAPE, width: 640, height: 640 };
const GOOD: BrokerInspection = {
  brokers: [{ address: 'a:1', trouble: '' }, { address: 'b:2', trouble: '' }], apis: 'Produce 0-13, Fetch 4-18', missing: [], refused: [],
  topics: ['vto.chunks', 'vto.features'].map(name => ({ name, partitions: 4, replicas: 2, maxMessageBytes: 5 << 20, cleanupPolicy: 'delete' })),
};
const traffic = (bytesPerSecond: number | undefined, newestAtMs?: number): Traffic => ({ cameras: 3, bytesPerSecond, newestAtMs });
const linesOf = (inspection: BrokerInspection, flags: ConfigInput = {}): string[] => brokerFindings(inspection, configOf(flags), SHAPE).map(({ level, topic, says }) => `${level} ${topic}: ${says}`);

test('a cluster that fits is told without a warning', () => {
  assert.equal(linesOf(GOOD), [
    'ok kafka: 2 brokers: a:1, b:2; Produce 0-13, Fetch 4-18', 'ok topic: vto.chunks: 4 partitions, 2 copies, max.message.bytes 5242880, cleanup delete',
    'ok topic: vto.features: 4 partitions, 2 copies, max.message.bytes 5242880, cleanup delete', 'ok kafka acl: topics may be made, transactions begun',
  ]);
});

test('a broker that only the cluster can reach, topics that do not fit and missing rights each fail', () => {
  const failures = (changed: Partial<BrokerInspection>, flags?: ConfigInput): string => linesOf({ ...GOOD, ...changed }, flags).filter(line => line.startsWith('fail')).join('\n');
  assert.match(failures({ brokers: [{ address: 'kafka-0.internal:9092', trouble: 'getaddrinfo ENOTFOUND' }] }), /^fail kafka: broker kafka-0\.internal:9092.*ENOTFOUND; check its advertised\.listeners$/);
  assert.match(failures({}, { kafka: { partitions: 24 } }), /^fail topic: vto\.chunks: 4 partitions.*kafka\.partitions is 24\nfail topic: vto\.features/);
  assert.match(failures({ refused: ['topic vto.events could not be made: no'], missing: ['vto.events'] }), /^fail kafka acl: topic vto\.events could not be made: no$/);
  const small = GOOD.topics.map(topic => ({ ...topic, maxMessageBytes: 1 << 20 }));
  assert.match(failures({ topics: small }), /^fail topic: vto\.chunks: .*max\.message\.bytes must be at least 4259840$/, 'features are not used unless split');
  assert.match(failures({ topics: small }, { vision: { isSplit: true } }), /vto\.features: .*max\.message\.bytes must be at least 1294336$/);
});

test('topics that are missing and may be made, and settings that may not be read, are no failure', () => {
  const lines = linesOf({ ...GOOD, missing: ['vto.events'], topics: [{ name: 'vto.chunks', partitions: 4, replicas: 1, maxMessageBytes: undefined, cleanupPolicy: undefined }] });
  assert.equal(lines.slice(1), ['ok topic: vto.chunks: 4 partitions, 1 copy, its settings may not be read', 'note topics: made at the first start: vto.events', 'ok kafka acl: topics may be made, transactions begun']);
});

test('a record from the future is a clock that is wrong', () => {
  assert.equal(clockFindings(traffic(1, 10_500), 10_000), []);
  assert.equal(clockFindings(traffic(1), 10_000), []);
  assert.match(clockFindings(traffic(1, 13_200), 10_000)[0]?.says ?? '', /3\.2 s in this machine's future.*NTP/);
});

test('split vision is warned of where features outweigh chunks, by what was measured or else by rule', () => {
  const split = { isSplit: true };
  const says = (flags: ConfigInput, measured: Parameters<typeof weightFindings>[2] = {}): string => weightFindings(configOf(flags), SHAPE, measured).map(({ level, says: text }) => `${level} ${text}`).join();
  assert.is(says({}), '', 'fused sends no features');
  assert.match(says({ vision: split }), /^warn features outweigh chunks 3\.7 times: .*922 kB\/s \(640x640 at 5 fps, as a rule; raw 6\.1 MB\/s\), its chunks 250 kB\/s \(as a rule\); lower vision\.splitMaxFps/);
  assert.match(says({ vision: { ...split, splitMaxFps: 1 } }), /^ok a camera's features take 184 kB\/s/);
  assert.match(says({ vision: split, ingress: { maxFps: 1 } }), /^ok .*at 1 fps/, 'the camera allows less');
  assert.match(says({ vision: split }, { chunks: traffic(1_000_000) }), /^ok .*its chunks 1\.0 MB\/s \(measured on 3 cameras\)/);
  assert.match(says({ vision: split }, { chunks: traffic(100_000), features: traffic(300_000) }), /^warn features outweigh chunks 3\.0 times: .*300 kB\/s \(640x640 at 5 fps, measured on 3 cameras/);
});

test.run();
