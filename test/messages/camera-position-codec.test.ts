import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { CAMERA_POSITION } from '../../src/messages/camera-position-codec.ts';
import type { CameraPosition } from '../../src/messages/position.ts';

const position: CameraPosition = {
  group: 'vto.detector', camera: 'dock-2' as CameraId, at: epochMicros(5),
  epochs: [{ epoch: 3, chunkOffset: 70, chunkAtMs: 1_700_000_000_123, terminalTo: 9, terminalAbove: [{ from: 11, to: 11 }, { from: 13, to: 20 }], isOver: false }],
};

test('a position comes back as plain objects that compare and clone', () => {
  const wire = CAMERA_POSITION.wire.decodeHead(CAMERA_POSITION.wire.encodeHead(CAMERA_POSITION.toWire(position)));
  const back = CAMERA_POSITION.fromWire(wire, new Uint8Array(0));
  assert.equal(back, position);
  assert.equal(structuredClone(back), position);
});

test('a run of frames that ends before it begins is refused', () => {
  const wire = CAMERA_POSITION.toWire(position);
  const [epoch] = wire.epochs;
  assert.throws(() => CAMERA_POSITION.fromWire({ ...wire, epochs: [{ ...epoch!, terminalAbove: [{ from: 4, to: 3 }] }] }, new Uint8Array(0)), (error: { code?: string; message: string }) => error.code === 'RECORD_INVALID' && /from 4 to 3/.test(error.message));
});

test.run();
