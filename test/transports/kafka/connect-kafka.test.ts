import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../../../src/transports/kafka/group-protocol.ts';
import { installedKafkajs, KAFKAJS_VERSION } from '../../../src/transports/kafka/kafkajs-internals.ts';
import { createCommand } from '../../../src/transports/kafka/topics.ts';
import { blockRecordCodec } from '../../support/block-record-codec.ts';
import { block } from '../../support/byte-codec.ts';
import { envelope, NEVER } from '../../support/envelopes.ts';
import { eventually } from '../../support/eventually.ts';
import { testNode } from '../../support/kafka/test-node.ts';

const codeOf = (error: Error & { code?: string }): string => error.code ?? error.message;

/** A port nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => { server.once('listening', resolve); });
  const { port } = server.address() as { port: number };
  await new Promise(resolve => { server.close(resolve); });
  return port;
}

test('the internals of kafkajs that are used are those of the installed version', () => {
  assert.is(installedKafkajs(), KAFKAJS_VERSION);
});

test('without brokers everything waits, says so once, and ends with the node', async () => {
  const { node, lines } = testNode([`127.0.0.1:${await freePort()}`], { giveUpMs: 300 });
  const states: string[] = [];
  node.onState(({ state }) => states.push(state));
  assert.is(node.state.state, 'connecting');
  const output = node.output('t', blockRecordCodec, { maxItems: 10, maxBytes: 1000, batchBytes: 1000, lingerMs: 0 });
  const reader = node.reader('t', { isolation: 'committed', maxBytes: 1000 });
  reader.seek(0, 'earliest');
  const waits = [
    output.push([envelope(block(1))], NEVER), reader.read(NEVER), node.producer(), node.transactions('id', 1000), node.ensureTopics([{ topic: 't', partitions: 1, replication: -1, config: {} }]),
    node.join({ group: 'g', topics: ['t'], sessionTimeoutMs: 6000, onAssigned: () => assert.unreachable() }), node.bounds('t'), node.committed('g', 't'),
  ].map(wait => wait.then(() => 'done', codeOf));
  await eventually(() => node.state.state === 'down', 'the outage is known');
  assert.match(node.state.message ?? '', /no broker of 127\.0\.0\.1:\d+ answers: .*ECONNREFUSED/);
  await new Promise<void>(resolve => { setTimeout(resolve, 700); });
  assert.equal(states, ['down']);
  assert.is(lines.filter(line => line.startsWith('Kafka cannot be used')).length, 1);
  assert.ok(lines.length <= 4, lines.join('\n'));
  await node.close();
  assert.equal(await Promise.all(waits), waits.map(() => 'PORT_CLOSED'));
});

test('a listener that is no Kafka, or answers nothing, is an outage and no crash', async () => {
  const sockets = new Set<Socket>();
  const server = createServer(socket => { sockets.add(socket); socket.on('error', () => { /* the client leaves */ }); socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'); }).listen(0, '127.0.0.1');
  await new Promise(resolve => { server.once('listening', resolve); });
  const { node } = testNode([`127.0.0.1:${(server.address() as { port: number }).port}`]);
  await eventually(() => node.state.state === 'down', 'the outage is known', 10_000);
  await node.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('no warning of kafkajs about negative times reaches the process', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => { warnings.push(warning.name); };
  process.on('warning', listen);
  const { node } = testNode([`127.0.0.1:${await freePort()}`]);
  await eventually(() => node.state.state === 'down', 'it has tried');
  await node.close();
  process.off('warning', listen);
  assert.equal(warnings, []);
});

test('what members say to each other comes back, and what is no such text holds nothing', () => {
  const partitions = new Map([['vto.chunks', [0, 5, 23]], ['vto.features', []]]);
  assert.equal(decodeSubscription('m', encodeSubscription(['vto.chunks'], { generation: 9, partitions })), { id: 'm', generation: 9, partitions });
  assert.equal(decodeAssignment(encodeAssignment(partitions)), partitions);
  assert.equal(decodeSubscription('m', Buffer.from([0, 1, 2])), { id: 'm', generation: -1, partitions: new Map() });
  assert.equal(decodeAssignment(Buffer.alloc(0)), new Map());
});

test('the command that makes a topic holds all of it', () => {
  assert.is(createCommand({ topic: 'vto.cameras', partitions: 24, replication: 3, config: { 'cleanup.policy': 'compact', 'retention.ms': '-1' } }, 'kafka:9092'),
    'kafka-topics.sh --bootstrap-server kafka:9092 --create --topic vto.cameras --partitions 24 --replication-factor 3 --config cleanup.policy=compact --config retention.ms=-1');
});

test.run();
