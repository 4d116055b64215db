import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CameraId, EpochMicros } from '../../../src/engine/units.ts';
import type { AccessUnit } from '../../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import { fixedSchemaIds } from '../../../src/messages/schema-ids.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { recordCodecs } from '../../../src/messages/topics.ts';
import { makeClip } from '../clip.ts';
import { stamp } from '../frame-counter.ts';
import type { SentFrame } from '../rtsp-server.ts';
import { TopicOracle, type TopicVerdict } from './topic-oracle.ts';

const codecs = recordCodecs(fixedSchemaIds());
const camera = 'gate' as CameraId;
const unit = (await makeClip({ frames: 2, fps: 5, gop: 2 })).units[0]!.data;
const MICROS = 100_000;
const at = (counter: number): EpochMicros => 1e15 + counter * MICROS as EpochMicros;

/** A world that a test damages: counters 0 to 9 in epoch 1, each detected. */
class World {
  readonly oracle = new TopicOracle([], 'test', 1);
  readonly sent: SentFrame[] = [];

  send(counter: number): void { this.sent.push({ counter, sentAtMicros: at(counter), isKey: true, clientSession: 1 }); }

  chunk(epoch: number, first: number, counters: readonly number[], key: string = camera): void {
    const units = counters.map((counter, index): AccessUnit => ({ data: stamp(unit, counter), frameSeq: first + index, pts: index, dts: index, duration: 1, isKey: true, isCorrupt: false, capturedAt: at(counter), arrivedAt: at(counter) }));
    const part: ChunkPart = {
      camera, epoch, chunkSeq: 0, partSeq: 0, chunkStartedAt: at(counters[0]!), units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
      parameters: { codec: 'h264', width: 320, height: 240, extradata: new Uint8Array(0), timeBase: { num: 1, den: 10 }, framing: 'annexb', frameRate: 10 },
    };
    this.oracle.take('chunks', { partition: 0, offset: 0, key, value: codecs.chunks.encode(part) });
  }

  drop(epoch: number, from: number, to: number, reason: 'stale' | 'expired' = 'stale'): void { this.record({ kind: 'dropped', camera, epoch, from, to, reason, isIntentional: false, capturedAt: at(from) }); }

  record(record: TerminalRecord): void { this.oracle.take('detections', { partition: 0, offset: 0, key: camera, value: codecs.detections.encode(record) }); }

  gap(from: number, to: number): void {
    this.oracle.take('events', { partition: 0, offset: 0, key: camera, value: codecs.events.encode({ type: 'gap', camera, at: at(to), from: at(from), to: at(to), reason: 'test' }) });
  }

  judge(isAtRest = true): TopicVerdict { return this.oracle.judge(camera, this.sent, { stoppedAtMicros: at(10), frameMs: MICROS / 1000, isAtRest }); }
}

function world(): World {
  const made = new World();
  for (let counter = 0; counter < 10; counter += 1) made.send(counter);
  return made;
}

const counters = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('finds nothing wrong where every frame that was sent lies in a chunk once and has one record', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 4));
  made.chunk(1, 3, counters(3, 9)); // repeated parts are no fault: consumers leave them out
  made.drop(1, 0, 8);
  made.record({ kind: 'detected', camera, epoch: 1, frameSeq: 9, capturedAt: at(9), ptsSeconds: null, width: 320, height: 240, boxes: [], model: 'm@1', modelDigest: '', provider: 'cpu', timings: { decodeMs: 1, waitMs: 1, inferMs: 1, ageMs: 3 } });
  const { problems, received, detected, dropped, losses, pending } = made.judge();
  assert.equal({ problems, received, detected, dropped, losses, pending }, { problems: [], received: 10, detected: 1, dropped: { stale: 9 }, losses: [], pending: 0 });
});

test('sees a frame with two records, one without any, and a record of a frame that is nowhere', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 9));
  made.drop(1, 0, 4);
  made.drop(1, 4, 8);
  made.drop(2, 0, 0);
  const { problems, pending } = made.judge();
  assert.is(pending, 1);
  assert.equal(problems.map((problem) => problem.replace(/[:,].*/, '')), ['1 frames have several records under read_committed', '1 records are of frames that are not on Kafka', '1 frames on Kafka have no record']);
  assert.is(made.judge(false).problems.length, 2); // what is under way is no fault
});

test('sees frames that were sent, and are neither on Kafka nor in a gap', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 3));
  made.chunk(2, 0, counters(7, 9));
  made.drop(1, 0, 3);
  made.drop(2, 0, 2);
  assert.match(made.judge().problems.join(), /3 frames \(counters 4 to 6\) are missing/);
  made.gap(3, 7);
  const { problems, losses } = made.judge();
  assert.equal(problems, []);
  assert.equal(losses.map(({ frames }) => frames), [3]);
});

test('sees a hole in the numbers of an epoch, unless a record says that it expired', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 3));
  made.chunk(1, 6, counters(4, 9));
  made.drop(1, 0, 3);
  made.drop(1, 6, 11);
  assert.equal(made.judge().problems, ['epoch 1 lacks frame 4 on Kafka, and no record says why']);
  made.drop(1, 4, 5, 'expired');
  assert.equal(made.judge().problems, []);
});

test('sees the tail that was sent before the stop and is not there, and a part under the key of another camera', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 5), 'dock');
  made.drop(1, 0, 5);
  assert.match(made.judge().problems.join('\n'), /key dock[^]*frames sent before the stop are not recorded/);
});

test('takes the newer of two nodes that recorded the same frames while a camera moved', () => {
  const made = world();
  made.chunk(1, 0, counters(0, 6));
  made.chunk(2, 0, counters(5, 9));
  made.drop(1, 0, 6);
  made.drop(2, 0, 4);
  const { problems, overlap, received } = made.judge();
  assert.equal({ problems, overlap, received }, { problems: [], overlap: 2, received: 10 });
});

test.run();
