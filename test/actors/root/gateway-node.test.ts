import { join } from 'node:path';
import { request } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBackend } from '../../../actors/gateway/backend.ts';
import { ClusterModels } from '../../../actors/root/cluster-models.ts';
import { GatewayNode } from '../../../actors/root/gateway-node.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import type { PlatformEvent } from '../../../src/messages/platform-event.ts';
import { fixedSchemaIds } from '../../../src/messages/schema-ids.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { recordCodecs } from '../../../src/messages/topics.ts';
import { createGateway } from '../../../src/serving-ops/gateway.ts';
import { loadConfig } from '../../../src/utility-ops/config/load-config.ts';
import { createRecorder } from '../../../src/utility-ops/telemetry/recorder.ts';
import { eventually } from '../../support/eventually.ts';
import { indexInProcess } from '../../support/index-in-process.ts';
import { camera, detected, dropped } from '../../support/ledger-fixtures.ts';
import { createMemoryKafka, type MemoryKafka, type MemoryNode } from '../../support/memory-kafka.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { call, type Answer } from '../../support/with-gateway.ts';

const codecs = recordCodecs(fixedSchemaIds());
const root = temporaryFolder();
const AT = epochMicros(1_700_000_000_000_000);
let worlds = 0;

interface World {
  readonly kafka: MemoryKafka;
  /** Another node of the cluster. */
  readonly other: MemoryNode;
  readonly gateway: GatewayNode;
  readonly port: number;
  get(path: string): Promise<Answer>;
  post(id: string, uri?: string): Promise<Answer>;
  remove(id: string): Promise<Answer>;
  tell(...events: readonly PlatformEvent[]): Promise<void>;
  write(...records: readonly TerminalRecord[]): Promise<void>;
  put(path: string, body: object): ReturnType<typeof call>;
  metrics(): Promise<string>;
}

async function withNode(check: (world: World) => Promise<void>, options: { readonly isDown?: boolean; readonly cameras?: string } = {}): Promise<void> {
  const kafka = createMemoryKafka({ partitions: 3 });
  if (options.isDown === true) kafka.goDown();
  const [node, other] = [kafka.node(), kafka.node()];
  const ending = new AbortController();
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log };
  const telemetry = createRecorder({ process: 'root', hasProcessMetrics: false });
  const config = loadConfig({ cwd: '/', flags: { kafka: { brokers: ['localhost:9092'] }, roles: ['gateway'], cameras: options.cameras === undefined ? [] : [{ id: options.cameras, uri: 'rtsp://configured/main' }] } });
  const index = indexInProcess({ file: join(root, `${worlds += 1}`, 'index.sqlite'), node, codecs, prefix: 'vto' });
  const tree = () => ({ name: 'vto', state: 'running', generation: 1, restarts: 0, children: [] }) as const;
  const models = new ClusterModels({ config, link: { node, codecs: Promise.resolve(codecs), topic: name => `vto.${name}`, close: async () => {} }, node: 'gateway-1', clock: systemClock, log });
  const gateway = new GatewayNode({ config, node, codecs, index, models, tree, clock: systemClock, log, telemetry, signal: ending.signal });
  const running = [models.run({ signal: ending.signal, status: () => {} }).catch(() => { /* ended */ }), gateway.run(), gateway.desired.run({ signal: ending.signal, status: () => {} }).catch(() => { /* ended */ })];
  const backend = createBackend(gateway, { ownMetrics: () => telemetry.snapshot(), sleep: (ms, signal) => systemClock.sleep(ms, signal) });
  const http = await createGateway({ backend, clock: systemClock, log, port: 0 });
  const { port } = await http.listen();
  const send = async (topic: string, records: readonly { readonly key: string; readonly value: Buffer }[]): Promise<void> => {
    const producer = await other.producer();
    await producer.send(records.map(record => ({ topic, ...record })));
    await producer.close();
  };
  try {
    await check({
      kafka, other, gateway, port, get: path => call(port, 'GET', path), put: (path, body) => call(port, 'PUT', path, { body }), remove: id => call(port, 'DELETE', `/api/v1/cameras/${id}`),
      post: (id, uri = 'rtsp://user:secret@10.0.0.1/main') => call(port, 'POST', '/api/v1/cameras', { body: { id, uri } }),
      tell: (...events) => send('vto.events', events.map(event => ({ key: 'camera' in event ? event.camera : 'node', value: codecs.events.encode(event) }))),
      write: (...records) => send('vto.detections', records.map(record => ({ key: record.camera, value: codecs.detections.encode(record) }))),
      metrics: async () => (await call(port, 'GET', '/metrics')).text,
    });
  } finally {
    await http.close({ deadlineMs: 500 });
    ending.abort(new Error('stopped'));
    await Promise.all(running);
    await models.close();
    await index.close();
    await node.close();
    await other.close();
  }
}

/** The camera as the API shows it. */
async function viewOf(world: World, id: string): Promise<Record<string, unknown>> {
  return (await world.get(`/api/v1/cameras/${id}`)).json;
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const untilMs = performance.now() + 5000;
  while (!await condition()) {
    if (performance.now() > untilMs) throw new Error(`${what}: not within 5 s`);
    await new Promise(resolve => { setTimeout(resolve, 20); });
  }
}

test('a camera that is added is written to the topic, shown at once, and gone when it is removed', () => withNode(async (world) => {
  await eventually(() => world.gateway.unready().length === 0, 'ready');
  const added = await world.post('dock');
  assert.equal([added.status, added.json['state'], added.json['label']], [201, 'connecting', 'rtsp://10.0.0.1/main']);
  const reader = world.other.reader('vto.cameras', { isolation: 'committed', maxBytes: 1 << 20 });
  for (const partition of [0, 1, 2]) reader.seek(partition, 'earliest');
  const [fetched] = await reader.read(new AbortController().signal);
  const record = fetched!.records[0]!;
  assert.equal([record.key, codecs.cameras.decode(record.value!).uri], ['dock', 'rtsp://user:secret@10.0.0.1/main']);
  assert.equal((await world.post('dock')).status, 409);
  assert.equal((await world.get('/api/v1/cameras')).json['cameras'], [await viewOf(world, 'dock')]);
  assert.is((await world.remove('dock')).status, 204);
  assert.is((await world.remove('dock')).status, 404);
  assert.equal((await world.get('/api/v1/cameras')).json['cameras'], []);
  const tombstone = (await reader.read(new AbortController().signal))[0]!.records[0]!;
  assert.equal([tombstone.key, tombstone.value], ['dock', null]);
}));

test('a camera that another node wants is shown here, with the state, counts and records that other nodes told', () => withNode(async (world) => {
  const producer = await world.other.producer();
  await producer.send([{ topic: 'vto.cameras', key: 'gate', value: codecs.cameras.encode({ id: camera('gate'), uri: 'rtsp://cam/1', maxFps: 5, isDetecting: true, isLooping: false }) }]);
  await world.tell(
    { type: 'camera-state', camera: camera('gate'), at: AT, state: 'live', node: 'a' }, { type: 'received', camera: camera('gate'), at: AT, epoch: 7, received: 10, node: 'a' },
    { type: 'gap', camera: camera('gate'), at: AT, from: AT, to: epochMicros(AT + 5), reason: 'stalled', node: 'a' },
  );
  await world.write(detected(camera('gate'), 7, 0), dropped(camera('gate'), 7, 1, 3, 'rate'));
  await until(async () => (await viewOf(world, 'gate'))['state'] === 'live', 'the state');
  const view = await viewOf(world, 'gate');
  assert.equal([view['epoch'], view['maxFps'], view['counts']], [7, 5, { received: 10, detected: 1, dropped: { rate: 3 }, gaps: 1 }]);
  const { balances } = (await world.get('/api/v1/ledger')).json as { balances: { pending: number; isBalanced: boolean }[] };
  assert.equal(balances.map(({ pending, isBalanced }) => [pending, isBalanced]), [[6, true]]);
  assert.equal(((await world.get('/api/v1/events')).json['events'] as { type: string }[]).map(({ type }) => type), ['camera-state', 'gap']);
  await world.tell({ type: 'camera-state', camera: camera('gate'), at: epochMicros(AT + 9), state: 'retrying', code: 'SOURCE_UNREACHABLE', message: 'no answer', node: 'a' });
  await until(async () => (await viewOf(world, 'gate'))['state'] === 'retrying', 'the next state');
  assert.equal((await viewOf(world, 'gate'))['lastError'], { code: 'SOURCE_UNREACHABLE', message: 'no answer' });
}));

test('what was told of an earlier camera of the same name is not told of the new one', () => withNode(async (world) => {
  const nowMicros = systemClock.now();
  await world.tell({ type: 'camera-state', camera: camera('clip'), at: epochMicros(nowMicros - 60_000_000), state: 'ended', node: 'a' });
  await world.post('clip');
  await world.tell({ type: 'camera-state', camera: camera('other'), at: AT, state: 'live', node: 'a' });
  await until(async () => world.gateway.store.cameraStates().then(states => states.length === 2), 'both states are known');
  await new Promise(resolve => { setTimeout(resolve, 1_200); }); // the board is told every second
  assert.is((await viewOf(world, 'clip'))['state'], 'connecting');
  await world.tell({ type: 'camera-state', camera: camera('clip'), at: systemClock.now(), state: 'live', node: 'a' });
  await until(async () => (await viewOf(world, 'clip'))['state'] === 'live', 'the new state');
}));

test('a stream gives each record of the cluster once, and ends when its camera has ended and every frame of it has its record', () => withNode(async (world) => {
  await world.post('clip');
  const frames: number[] = [];
  const streamed = new Promise<void>((resolve, reject) => {
    request({ port: world.port, host: '127.0.0.1', path: '/api/v1/infer?stream=clip&after=0', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('error', reject).on('end', () => {
        for (const line of text.split('\n').filter(each => each.includes('"detected"'))) frames.push((JSON.parse(line) as { frameSeq: number }).frameSeq);
        resolve();
      });
    }).on('error', reject).end();
  });
  const id = camera('clip');
  await world.tell({ type: 'received', camera: id, at: AT, epoch: 1, received: 3, node: 'a' });
  await world.write(detected(id, 1, 0), detected(id, 1, 1), detected(id, 1, 1));
  await world.tell({ type: 'camera-state', camera: id, at: systemClock.now(), state: 'ended', node: 'a' });
  await world.write(detected(id, 1, 0), detected(id, 1, 2));
  await streamed;
  assert.equal(frames, [0, 1, 2]);
}));

test('without brokers a node that never served is not ready and alive, one that did serves what it has and says so', async () => {
  await withNode(async (world) => {
    const answer = await world.get('/readyz');
    assert.equal([answer.status, (answer.json['links'] as { state: string }[])[0]!.state], [503, 'down']);
    assert.match(String((answer.json['reasons'] as string[]).join()), /cameras of the cluster are not known yet: the brokers cannot be reached/);
    assert.is((await world.get('/healthz')).status, 200);
    assert.equal([(await world.post('dock')).status, (await world.post('dock')).json['code']], [503, 'KAFKA_UNAVAILABLE']);
    world.kafka.comeBack();
    await until(async () => (await world.get('/readyz')).status === 200, 'ready with the brokers');
  }, { isDown: true });
  await withNode(async (world) => {
    await world.post('dock');
    await world.write(detected(camera('dock'), 1, 0));
    await until(async () => ((await world.get('/api/v1/records')).json['records'] as unknown[]).length === 1, 'the record');
    await until(async () => (await world.get('/readyz')).status === 200, 'ready');
    world.kafka.goDown();
    const answer = await world.get('/readyz');
    assert.is(answer.status, 200, 'the other gateways have no brokers either');
    assert.match((answer.json['degraded'] as string[]).join(), /the brokers are away.*cannot be added/);
    assert.match((await world.get('/readyz?format=text')).text, /^ready\ndegraded: .*\nkafka down since 20.*Z: the brokers are away\n/);
    assert.is(((await world.get('/api/v1/records')).json['records'] as unknown[]).length, 1);
    const refused = await world.remove('dock');
    assert.equal([refused.status, refused.json['code'], refused.headers['retry-after']], [503, 'KAFKA_UNAVAILABLE', '5']);
    assert.is(((await world.get('/api/v1/cameras')).json['cameras'] as unknown[]).length, 1, 'nothing was removed');
    world.kafka.comeBack();
    assert.is((await world.remove('dock')).status, 204);
  });
});

test('cameras of the configuration are wanted in the cluster', () => withNode(async (world) => {
  await until(async () => (await viewOf(world, 'configured'))['id'] === 'configured', 'the camera');
}, { cameras: 'configured' }));

test('streams of addresses that are no cameras are refused with what to do', () => withNode(async (world) => {
  const answer = await world.get('/api/v1/infer?stream=rtsp://10.0.0.9/main');
  assert.is(answer.status, 403);
}));

test('lag is told by group and topic, in records and seconds, by the API and as metrics', () => withNode(async (world) => {
  await world.other.ensureTopics([{ topic: 'vto.chunks', partitions: 3, replication: -1, config: {} }]);
  const producer = await world.other.producer();
  const oldMs = systemClock.now() / 1000 - 60_000;
  await producer.send([0, 1, 2].map(each => ({ topic: 'vto.chunks', partition: 1, key: 'a', value: Buffer.from('x'), timestampMs: oldMs + each * 10_000 })));
  const committer = await world.other.transactions('t', 1000);
  await committer.commit([], [{ group: 'vto.detector', topic: 'vto.chunks', partition: 1, offset: 1 }]);
  type Group = { group: string; topic: string; records: number; seconds: number; partitions: { partition: number; records: number; seconds: number }[] };
  let found: Group | undefined;
  const ofDetector = async (): Promise<Group | undefined> => ((await world.get('/api/v1/lag')).json['groups'] as Group[]).find(({ group }) => group === 'vto.detector');
  const untilMs = performance.now() + 8000; // it is measured every 5 s
  while (found?.records !== 2 && performance.now() < untilMs) { found = await ofDetector(); await new Promise(resolve => { setTimeout(resolve, 50); }); }
  assert.equal([found?.topic, found?.records, found?.partitions.map(({ records }) => records)], ['vto.chunks', 2, [0, 2, 0]]);
  assert.ok(found!.seconds >= 49 && found!.seconds < 60, `${found!.seconds} s`);
  const text = await world.metrics();
  assert.match(text, /visutility_consumer_lag_records\{.*group="vto\.detector".*partition="1".*\} 2\n/);
  assert.match(text, /visutility_consumer_lag_seconds\{.*group="vto\.detector".*partition="1".*\} (49|5\d)/);
  assert.match(text, /visutility_consumer_lag_records\{.*group="vto\.index".*topic="vto\.events"/);
}));

test('a model is asked for through the topic, and the nodes that detect tell what became of it', () => withNode(async (world) => {
  const view = async (): Promise<Record<string, unknown>> => (await world.get('/api/v1/models/active')).json;
  assert.equal([(await view())['active'], (await view())['nodes']], ['motion@2', []]);
  assert.is((await world.put('/api/v1/models/active', { model: 'nobody@1' })).status, 404);
  assert.is((await world.put('/api/v1/models/active', { model: 'motion' })).status, 202);
  const reader = world.other.reader('vto.models', { isolation: 'committed', maxBytes: 1 << 20 });
  for (const partition of [0, 1, 2]) reader.seek(partition, 'earliest');
  const record = (await reader.read(new AbortController().signal))[0]!.records[0]!;
  assert.equal([record.key, codecs.models.decode(record.value!).model], ['active', 'motion@2']);
  const refused: PlatformEvent = { type: 'model', at: AT, model: 'yolox@1', state: 'refused', code: 'MODEL_INVALID', message: 'no such file', node: 'detector-2' };
  await world.tell({ type: 'model', at: AT, model: 'yolox@1', state: 'active', node: 'detector-1' }, refused, { type: 'model', at: epochMicros(AT + 1), model: 'motion@2', state: 'active', node: 'detector-1' });
  await until(async () => (await view())['nodes'] instanceof Array && ((await view())['nodes'] as unknown[]).length === 2, 'both nodes have told');
  assert.equal((await view())['nodes'], [
    { model: 'motion@2', state: 'active', node: 'detector-1', at: '2023-11-14T22:13:20.000001Z' },
    { model: 'yolox@1', state: 'refused', code: 'MODEL_INVALID', message: 'no such file', node: 'detector-2', at: '2023-11-14T22:13:20.000000Z' },
  ]);
  await reader.close();
}));

test.run();
