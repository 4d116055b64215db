import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { featuresFirst, FeaturesFirst, type Outcome } from '../../../actors/vision/features-first.ts';
import type { Envelope } from '../../../src/engine/ports.ts';
import type { StageContext } from '../../../src/engine/stage.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { FeatureTensor } from '../../../src/messages/feature-tensor.ts';
import type { Feature, FrameFeature } from '../../../src/messages/feature.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import type { LinkOutPort } from '../../../src/transports/ipc-types.ts';
import { detected, dropped } from '../../support/fake-backend.ts';

const CAMERA = 'dock' as CameraId;
const AT = epochMicros(1e15);
const NEVER = new AbortController().signal;

const tensor = (frameSeq: number, encoder: string): FeatureTensor => ({
  camera: CAMERA, epoch: 1, frameSeq, capturedAt: AT, arrivedAt: AT, ptsSeconds: 0, modality: 'rgb', encoder, dtype: 'float32', shape: [1], geometry: null, decodeMs: 0,
  encoding: 'raw', baseSeq: -1, payload: new Uint8Array(4),
});
const frame = (frameSeq: number, tensors?: readonly FeatureTensor[]): FrameFeature => ({
  kind: 'frame', camera: CAMERA, epoch: 1, frameSeq, capturedAt: AT, arrivedAt: AT, ptsSeconds: 0, decodeMs: 0, readyAtMs: 0, feed: 0, ...tensors && { tensors },
  frame: { pixels: new Uint8Array(0), width: 1, height: 1, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 1, sourceHeight: 1 },
});
const wrapped = <Body>(body: Body): Envelope<Body> => ({ body, key: CAMERA, capturedAt: AT, trace: '' });
const named = (body: Outcome): string => ('payload' in body ? `${body.encoder} ${body.frameSeq}` : body.kind);

/** A port that keeps what is pushed, and settles when the test says. */
class SlowPort<Body> {
  readonly pushed: Body[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly port = {
    push: (items: readonly Envelope<Body>[]) => {
      this.pushed.push(...items.map(({ body }) => body));
      return new Promise<void>(resolve => { this.#waiting.push(resolve); });
    },
    room: async () => {},
  } as unknown as LinkOutPort<Body>; // the two methods that are used

  settle(): void { for (const wake of this.#waiting.splice(0)) wake(); }
}

test('lets features out before the record of their frame, one record a frame', async () => {
  const detector = { open: async () => {}, close: async () => {}, process: async (batch: readonly Envelope<Feature>[]) => batch.map(({ body }) => wrapped<TerminalRecord>(body.kind === 'frame' ? detected('dock', body.frameSeq) : body)) };
  const stage = new FeaturesFirst(detector);
  const out = await stage.process([wrapped(frame(0, [tensor(0, 'hog@1'), tensor(0, 'lbp@1')])), wrapped(dropped('dock', 1, 3)), wrapped(frame(4))], {} as StageContext);
  assert.equal(out.map(({ body }) => named(body)), ['hog@1 0', 'lbp@1 0', 'detected', 'dropped', 'detected']);
});

test('pushes a record only when the features of its frame are durable', async () => {
  const [features, records] = [new SlowPort<FeatureTensor>(), new SlowPort<TerminalRecord>()];
  const port = featuresFirst(features.port, records.port);
  let isDone = false;
  const pushed = port.push([wrapped<Outcome>(tensor(0, 'hog@1')), wrapped<Outcome>(detected('dock', 0))], NEVER).then(() => { isDone = true; });
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal([features.pushed.length, records.pushed.length], [1, 0]);
  features.settle();
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal([records.pushed.length, isDone], [1, false]);
  records.settle();
  await pushed;
});

test('makes records of frames without features wait for nobody', async () => {
  const [features, records] = [new SlowPort<FeatureTensor>(), new SlowPort<TerminalRecord>()];
  const port = featuresFirst(features.port, records.port);
  void port.push([wrapped<Outcome>(tensor(0, 'hog@1')), wrapped<Outcome>(detected('dock', 0))], NEVER);
  void port.push([wrapped<Outcome>(dropped('dock', 1, 2))], NEVER);
  await new Promise(resolve => { setImmediate(resolve); });
  assert.equal(records.pushed.map(({ kind }) => kind), ['dropped']);
});

test.run();
