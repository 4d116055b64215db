import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { followed, modelForTracking, type TrackerNames } from '../../../actors/vision/followed.ts';
import type { PlatformError } from '../../../src/engine/errors.ts';
import type { Envelope } from '../../../src/engine/ports.ts';
import type { Stage } from '../../../src/engine/stage.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { Feature } from '../../../src/messages/feature.ts';
import type { Box, DetectedRecord, TerminalRecord } from '../../../src/messages/terminal-record.ts';

const box = (x: number, score = 0.9): Box => ({ classId: 0, label: 'person', score, x1: x, y1: 0, x2: x + 40, y2: 80 });

interface Frame { readonly camera: string; readonly key?: string; readonly epoch?: number; readonly frameSeq: number; readonly ms: number; readonly boxes: readonly Box[] }

/** A stage that gives the records it is given. */
const detector: Stage<Feature, TerminalRecord> = { open: async () => {}, process: async batch => batch as unknown as readonly Envelope<TerminalRecord>[], close: async () => {} };

function recordOf({ camera, epoch = 1, frameSeq, ms, boxes }: Frame): DetectedRecord {
  return {
    kind: 'detected', camera: camera as CameraId, epoch, frameSeq, capturedAt: epochMicros(ms * 1000), ptsSeconds: null, width: 640, height: 360, boxes, model: 'm@1', modelDigest: '', provider: 'cpu',
    timings: { decodeMs: 0, waitMs: 0, inferMs: 0, ageMs: 0 },
  };
}

interface World { readonly objects: Map<string, number>; see(...frames: readonly Frame[]): Promise<(readonly Box[])[]> }

async function world(names: TrackerNames): Promise<World> {
  const objects = new Map<string, number>();
  const stage = await followed(detector, names, 0.3, { count: (_id, labels, amount = 1) => { const { camera } = labels as { camera: string }; objects.set(camera, (objects.get(camera) ?? 0) + amount); } });
  return {
    objects,
    async see(...frames) {
      const batch = frames.map(frame => ({ key: (frame.key ?? frame.camera) as CameraId, capturedAt: epochMicros(0), trace: '', body: recordOf(frame) }));
      const records = await stage.process(batch as unknown as readonly Envelope<Feature>[], undefined as never);
      return records.map(({ body }) => (body.kind === 'detected' ? body.boxes : []));
    },
  };
}

const idsOf = (boxes: readonly (readonly Box[])[]): (number | undefined)[][] => boxes.map(each => each.map(({ trackId }) => trackId));

test('cameras of one batch are followed apart, and only those that are to be', async () => {
  const { see, objects } = await world({ '*': 'byte-track', plain: 'none' });
  const frames = (seq: number): Frame[] => ['north', 'plain', 'south'].map(camera => ({ camera, frameSeq: seq, ms: seq * 40, boxes: [box(seq * 2), box(300)] }));
  assert.equal(idsOf(await see(...frames(0), ...frames(1))), [[1, 2], [undefined, undefined], [1, 2], [1, 2], [undefined, undefined], [1, 2]]);
  assert.equal([...objects], [['north', 2], ['south', 2]]);
  assert.equal(idsOf(await see(...frames(2))), [[1, 2], [undefined, undefined], [1, 2]]);
});

test('what is back-filled is followed by itself: objects of the live frames between keep their names', async () => {
  const { see } = await world({ '*': 'byte-track' });
  const live = (seq: number): Frame => ({ camera: 'north', epoch: 8, frameSeq: seq, ms: 900_000 + seq * 40, boxes: [box(seq * 2)] });
  const filled = (seq: number): Frame => ({ camera: 'north', key: 'north~backfill', epoch: 5, frameSeq: seq, ms: 500_000 + seq * 40, boxes: [box(300 + seq * 2), box(100)] });
  const ids = idsOf(await see(live(0), filled(0), live(1), filled(1), live(2), filled(2)));
  assert.equal([ids[0], ids[2], ids[4]].map(each => each![0]! - 900_000), [1, 1, 1]);
  assert.equal([ids[1], ids[3], ids[5]].map(each => each!.map(id => id! - 500_000)), [[1, 2], [1, 2], [1, 2]]);
});

test('without a tracker the detector is left as it is, and keeps its threshold', async () => {
  assert.is(await followed(detector, { '*': 'none', north: 'none' }, 0.3, { count: () => {} }), detector);
  assert.is(await followed(detector, undefined, 0.3, { count: () => {} }), detector);
  const model = { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.4, iouMax: 0.5, labels: [] };
  assert.is(modelForTracking(model, { '*': 'none' }), model);
  assert.is(modelForTracking(model, { '*': 'none', north: 'byte-track' }).scoreMin, 0.1);
});

test('poor boxes are kept where they are of an object that is followed, and left out elsewhere', async () => {
  const { see } = await world({ '*': 'byte-track', plain: 'none' });
  await see({ camera: 'north', frameSeq: 0, ms: 0, boxes: [box(0)] });
  const [north, plain] = await see({ camera: 'north', frameSeq: 1, ms: 40, boxes: [box(1, 0.2), box(300, 0.2)] }, { camera: 'plain', frameSeq: 1, ms: 40, boxes: [box(1, 0.2), box(1, 0.5)] });
  assert.equal(north, [{ ...box(1, 0.2), trackId: 1 }]);
  assert.equal(plain, [box(1, 0.5)]);
});

test('frames that come again name the same objects, whatever was seen since; a new session of the camera goes on', async () => {
  const { see } = await world({ '*': 'byte-track' });
  const frame = (seq: number, epoch = 1): Frame => ({ camera: 'north', epoch, frameSeq: seq, ms: placeOf(seq, epoch) * 40, boxes: [box(placeOf(seq, epoch) * 8), box(900 - placeOf(seq, epoch) * 8)] });
  const placeOf = (seq: number, epoch: number): number => seq + (epoch - 1) * 105;
  const first: (readonly Box[])[] = [];
  for (let seq = 0; seq < 100; seq += 1) first.push(...await see(frame(seq)));
  assert.equal(await see(frame(70), frame(71), frame(72)), first.slice(70, 73));
  assert.equal(idsOf(await see(frame(100), frame(101), frame(0, 2))).at(-1), idsOf(first)[99], 'an object that crosses from one session into the next keeps its id');
});

test('a new session whose clock is behind starts over with new ids instead of waiting for the old time', async () => {
  const { see } = await world({ '*': 'byte-track' });
  await see({ camera: 'north', frameSeq: 0, ms: 9_000, boxes: [box(0)] });
  assert.equal(idsOf(await see({ camera: 'north', epoch: 2, frameSeq: 0, ms: 5_000, boxes: [box(0)] })), [[9_002]]);
});

test('a late frame that nobody remembers gets no ids and disturbs nothing', async () => {
  const { see } = await world({ '*': 'byte-track' });
  await see({ camera: 'north', frameSeq: 5, ms: 1_000, boxes: [box(0)] }, { camera: 'north', frameSeq: 6, ms: 1_040, boxes: [box(2)] });
  assert.equal(idsOf(await see({ camera: 'north', frameSeq: 4, ms: 960, boxes: [box(0)] })), [[undefined]]);
  assert.equal(idsOf(await see({ camera: 'north', frameSeq: 7, ms: 1_080, boxes: [box(4)] })), [[1_001]]);
});

test('ids begin at the event time, so that a process that takes over gives none again', async () => {
  const frames = (from: number): Frame[] => Array.from({ length: 3 }, (_, index) => ({ camera: 'north', frameSeq: from + index, ms: 1_700_000_000_000 + (from + index) * 40, boxes: [box(0), box(200)] }));
  const [before, after] = [await world({ '*': 'byte-track' }), await world({ '*': 'byte-track' })];
  const [ids, later] = [idsOf(await before.see(...frames(0))).flat(), idsOf(await after.see(...frames(3))).flat()];
  assert.ok(ids.every(id => Number.isSafeInteger(id)) && Math.max(...ids.map(Number)) < Math.min(...later.map(Number)));
});

test('an unknown tracker is refused with the known ones', async () => {
  const error = await followed(detector, { '*': 'sort' }, 0.3, { count: () => {} }).catch((thrown: unknown) => thrown as PlatformError);
  assert.match((error as PlatformError).message, /unknown tracker 'sort' \(known: byte-track\)/);
});

test.run();
