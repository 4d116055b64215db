// A real host (actors/host) between real brokers and a vision process that answers at once, in this process.
// Arguments: a JSON of HostOrder. Prints a JSON of HostResult (of `fill`: how much was written).
import type { ChildLink } from '../../actors/host/host-task.ts';
import { detectTask } from '../../actors/host/detect-task.ts';
import { Host } from '../../actors/host/host.ts';
import type { HostContext } from '../../actors/host/host-context.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import type { DetectedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { recordCodecs, topicName } from '../../src/messages/topics.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import { createMemoryPort } from '../../src/transports/memory.ts';
import { processCpuMs } from './process-tree.ts';
import { hostParts, type HostOrder, type HostResult } from './host-order.ts';

const LIMIT_MS = 180_000;
const order = JSON.parse(process.argv[2] ?? '') as HostOrder;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: (facts: unknown, line: string) => { process.stderr.write(`${line} ${JSON.stringify(facts)}\n`); }, child: () => quiet };
const kafka = connectKafka({ brokers: order.brokers }, { clock: systemClock, random: systemRandom, log: quiet });
const codecs = recordCodecs(fixedSchemaIds(), order.prefix);
const topic = (name: Parameters<typeof topicName>[1]): string => topicName(order.prefix, name);

/** Writes the chunks of all cameras, in turns, as camera nodes would have during an outage. */
async function fill(): Promise<{ readonly bytes: number }> {
  await kafka.ensureTopics(topicSpecs({ topicPrefix: order.prefix, partitions: order.partitions, replication: -1, chunksRetentionHours: 1, recordsRetentionHours: 1, maxPartBytes: 4 << 20 }));
  const producer = await kafka.producer();
  let bytes = 0;
  for (const parts of hostParts(order)) {
    const records = parts.map(part => ({ topic: topic('chunks'), partition: Number(part.camera.split('-')[1]) % order.partitions, key: part.camera, value: codecs.chunks.encode(part), headers: codecs.chunks.headers(part, part.camera) }));
    for (const { value } of records) bytes += value.length;
    await producer.send(records);
  }
  return { bytes };
}

/** Frames that the vision process may be given before it answers. */
const FED_MAX = 512;

/** A vision process without decoder and model: every frame that it is fed has its record in the next turn of the event loop, as what comes by a socket has. */
function instantVision(): { readonly link: ChildLink<ChunkPart>; readonly endings: ReturnType<typeof createMemoryPort<TerminalRecord>>['input']; attach(): void } {
  const answers = createMemoryPort<TerminalRecord>({ maxItems: 4_096, maxBytes: Number.MAX_SAFE_INTEGER, sizeOf: () => 0 });
  const { signal } = new AbortController();
  const boxes = Array.from({ length: order.boxes }, (_, box) => ({ classId: box, label: 'person', score: 0.7, x1: 10 + box, y1: 10, x2: 60 + box, y2: 90 }));
  const answerTo = (part: ChunkPart, unit: ChunkPart['units'][number]): DetectedRecord => ({
    kind: 'detected', camera: part.camera, epoch: part.epoch, frameSeq: unit.frameSeq, capturedAt: unit.capturedAt, ptsSeconds: unit.frameSeq / 25, width: 1280, height: 720, boxes,
    model: 'yolox@1.0.0', modelDigest: '0'.repeat(64), provider: 'cpu', timings: { decodeMs: 1, waitMs: 1, inferMs: 3, ageMs: 5 },
  });
  let onAttach = (): void => {};
  const fed: { readonly part: ChunkPart; readonly first: number; readonly end: number; done(): void }[] = [];
  let frames = 0;
  let turn = Promise.resolve();
  const answerAll = (): void => {
    for (const { part, first, end, done } of fed.splice(0)) {
      const items = part.units.slice(first, end).map(unit => ({ body: answerTo(part, unit), key: part.camera, capturedAt: unit.capturedAt, trace: '' }));
      answers.output.push(items, signal).then(done, done);
    }
    frames = 0;
  };
  return {
    endings: answers.input,
    attach: () => onAttach(),
    link: {
      room: until => (frames < FED_MAX ? answers.output.room(until) : turn),
      feed({ part, first, end, isAccounted }) {
        if (isAccounted || first === end) return Promise.resolve();
        if (fed.length === 0) turn = new Promise<void>(resolve => { setImmediate(() => { answerAll(); resolve(); }); });
        frames += end - first;
        return new Promise<void>(done => { fed.push({ part, first, end, done }); });
      },
      onAttach: listener => { onAttach = listener; return () => {}; },
      depth: () => answers.depth(),
    },
  };
}

/** Runs a host of a new group over the whole topic: from the moment that there is a vision process to the last commit. */
async function measure(delivery: 'exactly-once' | 'at-least-once', group: string): Promise<HostResult> {
  const frames = order.cameras * order.framesPerCamera;
  const vision = instantVision();
  const ended = Promise.withResolvers<void>();
  let [records, transactions] = [0, 0];
  const telemetry: HostContext['telemetry'] = {
    count(id, _labels, amount = 1) {
      if (id === 'transactions') transactions += 1;
      if (id === 'recordsCommitted') records += amount;
      if (records >= frames) ended.resolve();
    },
    set() { /* not looked at */ },
    forget() { /* not looked at */ },
  };
  const stopping = new AbortController();
  const host = new Host<ChunkPart, TerminalRecord>({
    kafka, codecs, ctx: { clock: systemClock, log: quiet, telemetry },
    task: detectTask({
      group, chunks: { topic: topic('chunks'), codec: codecs.chunks }, detections: { topic: topic('detections'), codec: codecs.detections }, maxRewindMs: 10_000, children: [vision.link], endings: [vision.endings],
    }),
    settings: { delivery, commitIntervalMs: order.commitIntervalMs, sessionTimeoutMs: 10_000, deadLetterTries: 3, positionsTopic: topic('positions'), deadLettersTopic: topic('dead-letters'), drainMs: 600, silentMs: 30_000 },
  });
  const running = host.run(stopping.signal);
  while (host.partitions.length < order.partitions) await Promise.race([systemClock.sleep(20), running]);
  await systemClock.sleep(500); // every partition has its producer and knows its positions
  const [startMs, startCpuMs] = [performance.now(), processCpuMs(process.pid)];
  vision.attach();
  await Promise.race([ended.promise, running, systemClock.sleep(LIMIT_MS).then(() => { throw new Error(`${records} of ${frames} frames within ${LIMIT_MS} ms`); })]);
  const taken = { ms: performance.now() - startMs, cpuMs: processCpuMs(process.pid) - startCpuMs };
  stopping.abort();
  await running;
  if (records !== frames) throw new Error(`${records} records of ${frames} frames`); // nobody died: at-least-once repeats nothing either
  return { records, transactions, ...taken };
}

/** The first pass is there to have everything compiled. */
async function measureWarm({ delivery, group }: NonNullable<HostOrder['run']>): Promise<HostResult> {
  await measure(delivery, `${group}-first`);
  return measure(delivery, group);
}

const result = order.run === undefined ? await fill() : await measureWarm(order.run);
await kafka.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
