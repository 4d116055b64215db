import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../../src/engine/units.ts';
import { JitterBuffer, type Ordered } from '../../../src/ingress/webrtc/jitter-buffer.ts';
import type { RtpPacket } from '../../../src/ingress/webrtc/rtp-packet.ts';
import { FuzzRandom } from '../../support/fuzz.ts';

const LIMITS = { waitMs: 100, settleMs: 0, maxPackets: 64, maxBytes: 1 << 20 };
const packet = (sequence: number, size = 1): RtpPacket => ({ sequence: sequence & 0xffff, timestamp: 0, isLast: false, payload: new Uint8Array(size), arrivedAt: epochMicros(0) });
const told = (items: readonly Ordered[]): string => items.map((item) => (item.kind === 'lost' ? `lost ${item.count}` : String(item.packet.sequence))).join(' ');

test('packets in order pass at once', () => {
  const buffer = new JitterBuffer(LIMITS);
  for (const sequence of [65_534, 65_535, 0, 1]) {
    buffer.push(packet(sequence), 0);
    assert.is(told(buffer.take(0)), String(sequence));
    assert.not.ok(buffer.isWaiting);
  }
});

test('a packet that was overtaken is waited for, and then comes in its place, across the wrap', () => {
  const buffer = new JitterBuffer(LIMITS);
  for (const sequence of [65_533, 65_535, 0]) buffer.push(packet(sequence), 0);
  assert.is(told(buffer.take(0)), '65533');
  assert.ok(buffer.isWaiting);
  buffer.push(packet(65_534), 99);
  assert.is(told(buffer.take(99)), '65534 65535 0');
});

test('a packet that does not come is given up after its time, and said', () => {
  const buffer = new JitterBuffer(LIMITS);
  for (const sequence of [10, 13]) buffer.push(packet(sequence), 0);
  assert.is(told(buffer.take(99)), '10');
  assert.is(told(buffer.take(100)), 'lost 2 13');
  assert.is(buffer.lost, 2);
  buffer.push(packet(11), 101);
  assert.is(told(buffer.take(101)), '');
  assert.is(buffer.late, 1);
});

test('missing packets are asked for after a short while, again each 50 ms, and no longer once they came', () => {
  const buffer = new JitterBuffer(LIMITS);
  for (const sequence of [65_534, 1]) buffer.push(packet(sequence), 0);
  buffer.take(0);
  assert.equal(buffer.wanted(5), []);
  assert.equal(buffer.wanted(10), [65_535, 0]);
  assert.equal(buffer.wanted(20), []);
  buffer.push(packet(65_535), 30);
  assert.equal(buffer.wanted(60), [0]);
  buffer.push(packet(0), 70);
  assert.equal(buffer.wanted(200), []);
});

test('a jump beyond the window gives up what is too far back, and holds no more than the window', () => {
  const buffer = new JitterBuffer(LIMITS);
  buffer.push(packet(0), 0);
  buffer.push(packet(1000), 0);
  assert.is(told(buffer.take(0)), '0 lost 935');
  assert.is(told(buffer.take(100)), 'lost 64 1000');
  assert.is(buffer.lost, 999);
});

test('bytes behind a missing packet are bounded: it is given up early', () => {
  const buffer = new JitterBuffer({ ...LIMITS, maxBytes: 1000 });
  buffer.push(packet(0, 600), 0);
  buffer.take(0);
  buffer.push(packet(2, 600), 0);
  assert.is(told(buffer.take(0)), '');
  buffer.push(packet(3, 600), 0);
  assert.is(told(buffer.take(0)), 'lost 1 2 3');
});

test('at the start earlier packets have a moment to come', () => {
  const buffer = new JitterBuffer({ ...LIMITS, settleMs: 20 });
  for (const sequence of [7, 5, 6]) buffer.push(packet(sequence), 0);
  assert.is(told(buffer.take(19)), '');
  assert.is(told(buffer.take(20)), '5 6 7');
  buffer.push(packet(4), 21);
  assert.is(buffer.late, 1);
});

test('any order within the window, with repeats, comes out as it was sent, wherever the numbers wrap', () => {
  const seed = Date.now() % 2 ** 32;
  for (let round = 0; round < 200; round++) {
    const random = new FuzzRandom(seed + round);
    const first = random.integer(65_536);
    const sent = Array.from({ length: 300 }, (_, index) => packet(first + index));
    const order = sent.map((each, index) => ({ each, at: index + random.integer(40) })).toSorted((a, b) => a.at - b.at).map(({ each }) => each);
    const withRepeats = order.flatMap((each) => (random.integer(10) === 0 ? [each, each] : [each]));
    const buffer = new JitterBuffer({ ...LIMITS, settleMs: 50 });
    const out = withRepeats.flatMap((each, index) => { buffer.push(each, index); return buffer.take(index); });
    out.push(...buffer.take(Number.POSITIVE_INFINITY));
    assert.equal(out.map((item) => (item.kind === 'packet' ? item.packet : item)), sent, `seed ${seed + round}`);
  }
});

test.run();
