import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { timeline } from '../../src/ingress/timeline.ts';
import { packet, PARAMETERS } from '../support/fake-media.ts';

test('the passes of a looping file lie end to end, with B-frames too', () => {
  const line = timeline(PARAMETERS, undefined);
  const order = [[0, -7200], [10_800, -3600], [3600, 0], [7200, 3600]] as const;
  const placed = [0, 1, 2].flatMap(() => {
    const pass = order.map(([pts, dts]) => line.place(packet(0, { pts, dts })));
    line.endPass();
    return pass;
  });
  assert.equal(placed.map(({ pts }) => pts), [0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10].map((frame) => frame * 3600));
  assert.equal(placed.map(({ decodeSeconds }) => Math.round(decodeSeconds * 25)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('time stamps of a file that does not begin at 0 stay as they are', () => {
  const line = timeline(PARAMETERS, undefined);
  const first = line.place(packet(0, { pts: 178_200, dts: 178_200 }));
  assert.equal([first.pts, first.decodeSeconds, first.pictureSeconds], [178_200, 0, 1.98]);
});

test('packets without time stamps follow each other at the frame rate, and keep none', () => {
  const line = timeline({ ...PARAMETERS, frameRate: 0 }, 10);
  const placed = [0, 1, 2].map(() => line.place(packet(0, { pts: null, dts: null, duration: 0 })));
  assert.equal(placed.map(({ pts, dts, pictureSeconds }) => [pts, dts, pictureSeconds]), [[null, null, 0], [null, null, 0.1], [null, null, 0.2]]);
});

test('a missing PTS is taken from the DTS', () => {
  const line = timeline(PARAMETERS, undefined);
  line.place(packet(0));
  assert.is(line.place(packet(1, { pts: null })).pictureSeconds, 0.04);
});

test.run();
