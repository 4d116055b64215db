import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { h264Payload } from '../../../src/ingress/webrtc/h264-payload.ts';
import { JitterBuffer, type Ordered } from '../../../src/ingress/webrtc/jitter-buffer.ts';
import { PictureAssembler, type Assembled } from '../../../src/ingress/webrtc/picture-assembler.ts';
import type { RtpPacket } from '../../../src/ingress/webrtc/rtp-packet.ts';
import { vp8Payload } from '../../../src/ingress/webrtc/vp8-payload.ts';
import { makeClip } from '../../support/clip.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { FuzzRandom } from '../../support/fuzz.ts';
import { nalUnits } from '../../support/nal-units.ts';
import { h264Packets, vp8Packets, type SentPicture } from '../../support/published-packets.ts';

const clip = await makeClip({ codec: 'h264', width: 640, height: 360, frames: 40, gop: 10 });
const vp8 = encodeClip('vp8', { frames: 40, gop: 10, size: '320x192', options: { 'auto-alt-ref': '0', 'lag-in-frames': '0' } }).units;

const inOrder = (packets: readonly RtpPacket[]): Ordered[] => packets.map((packet) => ({ kind: 'packet', packet }));
const assembled = (assembler: PictureAssembler, items: readonly Ordered[]): Assembled[] => items.flatMap((item) => assembler.take(item));
const said = (told: readonly Assembled[]): string[] => told.map((each) => (each.kind === 'picture' ? (each.picture.isKey ? 'key' : 'picture') : each.why));
const nalsOf = (pictures: readonly { readonly data: Uint8Array }[]): Uint8Array[][] => pictures.map(({ data }) => nalUnits(data).map((nal) => Uint8Array.from(nal)));
const picturesOf = (told: readonly Assembled[]): { data: Uint8Array; isKey: boolean }[] => told.flatMap((each) => (each.kind === 'picture' ? [each.picture] : []));

test('every picture of H.264 comes out with the NAL units that were sent, in any order of its packets within the window', () => {
  const seed = Date.now() % 2 ** 32;
  const sent = clip.units;
  for (let round = 0; round < 20; round++) {
    const random = new FuzzRandom(seed + round);
    const packets = h264Packets(sent, { sequence: 65_400 + random.integer(100), timestamp: 2 ** 32 - random.integer(100_000) });
    const shuffled = packets.map((each, index) => ({ each, at: index + random.integer(60) })).toSorted((a, b) => a.at - b.at).flatMap(({ each }) => (random.integer(8) === 0 ? [each, each] : [each]));
    const buffer = new JitterBuffer({ waitMs: 1000, settleMs: 70, maxPackets: 512, maxBytes: 1 << 24 });
    const assembler = new PictureAssembler(h264Payload());
    const told = shuffled.flatMap((packet, index) => { buffer.push(packet, index); return assembled(assembler, buffer.take(index)); });
    told.push(...assembled(assembler, buffer.take(Number.POSITIVE_INFINITY)));
    assert.equal(nalsOf(picturesOf(told)), nalsOf(sent), `seed ${seed + round}`);
    assert.equal(picturesOf(told).map(({ isKey }) => isKey), sent.map(({ isKey }) => isKey));
  }
});

test('every picture of VP8 comes out byte for byte, and its key pictures tell their size', () => {
  const told = assembled(new PictureAssembler(vp8Payload()), inOrder(vp8Packets(vp8, { sequence: 65_530, timestamp: 2 ** 32 - 5000 }, 300)));
  assert.equal(picturesOf(told).map(({ data }) => Buffer.from(data)), vp8.map(({ data }) => Buffer.from(data)));
  const keys = told.flatMap((each) => (each.kind === 'picture' && each.picture.isKey ? [each.picture.size] : []));
  assert.is(keys.length, 4);
  for (const size of keys) assert.equal(size, { width: 320, height: 192 });
});

for (const [name, sent, packetsOf, format] of [['H.264', clip.units, h264Packets, h264Payload], ['VP8', vp8, (pictures: readonly SentPicture[]) => vp8Packets(pictures, {}, 200), vp8Payload]] as const) {
  test(`after a loss in ${name} everything up to the next key picture is left out, and each picture of that is told`, () => {
    const packets = packetsOf(sent);
    const timestampOf = (index: number): number => index * 3600;
    const victim = packets.findIndex(({ timestamp }) => timestamp === timestampOf(13));
    const items: Ordered[] = [...inOrder(packets.slice(0, victim)), { kind: 'lost', count: 1 }, ...inOrder(packets.slice(victim + 1))];
    const told = assembled(new PictureAssembler(format()), items);
    assert.equal(said(told.slice(0, 13)), sent.slice(0, 13).map(({ isKey }) => (isKey ? 'key' : 'picture')));
    const leftOut = told.filter(({ kind }) => kind === 'left-out');
    const isAlone = packets[victim]?.isLast === true; // a picture of one packet leaves nothing that could be told of it
    assert.is(leftOut.length, isAlone ? 6 : 7);
    assert.equal(said(told.slice(13 + leftOut.length)), sent.slice(20).map(({ isKey }) => (isKey ? 'key' : 'picture')));
  });
}

test('a loss just before a key picture costs nothing of it', () => {
  const packets = h264Packets(clip.units);
  const keyAt = packets.findIndex(({ timestamp }) => timestamp === 10 * 3600);
  const told = assembled(new PictureAssembler(h264Payload()), [...inOrder(packets.slice(0, keyAt - 1)), { kind: 'lost', count: 1 }, ...inOrder(packets.slice(keyAt))]);
  assert.is(picturesOf(told).length, 39);
});

test('before the first key picture nothing is told: a session begins with it', () => {
  const packets = h264Packets(clip.units).filter(({ timestamp }) => timestamp >= 5 * 3600);
  const told = assembled(new PictureAssembler(h264Payload()), inOrder(packets));
  assert.is(said(told)[0], 'key');
  assert.is(told.length, 30);
});

test('padding between pictures is no picture', () => {
  const packets = h264Packets(clip.units.slice(0, 2));
  const [last] = packets.slice(-1);
  const padding: RtpPacket = { ...last!, payload: new Uint8Array(0), isLast: false };
  const told = assembled(new PictureAssembler(h264Payload()), inOrder(packets.flatMap((packet) => (packet.isLast ? [packet, padding, padding] : [packet]))));
  assert.equal(said(told), ['key', 'picture']);
});

test('a picture without a marker ends where the next one begins', () => {
  const packets = h264Packets(clip.units.slice(0, 3)).map((packet) => ({ ...packet, isLast: false }));
  assert.is(picturesOf(assembled(new PictureAssembler(h264Payload()), inOrder(packets))).length, 2);
});

test('parameter sets that were sent as a picture of their own belong to the next one', () => {
  const [key] = clip.units;
  const nals = nalUnits(key!.data);
  const single = nals.map((payload, index): RtpPacket => ({ ...h264Packets([key!])[0]!, sequence: index, payload, isLast: true }));
  const told = assembled(new PictureAssembler(h264Payload()), inOrder(single));
  assert.equal(nalsOf(picturesOf(told)), [nals.map((nal) => Uint8Array.from(nal))]);
});

test('a queue that was full is followed by a key picture', () => {
  const assembler = new PictureAssembler(h264Payload());
  const packets = h264Packets(clip.units);
  const half = packets.findIndex(({ timestamp }) => timestamp === 15 * 3600);
  const told = assembled(assembler, inOrder(packets.slice(0, half)));
  assembler.requireKey();
  told.push(...assembled(assembler, inOrder(packets.slice(half))));
  assert.is(picturesOf(told).length, 35);
  assert.is(told.filter(({ kind }) => kind === 'left-out').length, 5);
});

const first = h264Packets(clip.units.slice(0, 1))[0]!;
for (const [name, format, payloads] of [
  ['a STAP-A that is cut short', h264Payload, [[24, 0, 9, 0x67]]], ['an empty STAP-A', h264Payload, [[24]]], ['a fragment without a start', h264Payload, [[28, 0x05, 1, 2]]],
  ['a fragment without an end', h264Payload, [[28, 0x85, 1, 2]]], ['a fragment that starts twice', h264Payload, [[28, 0x85, 1], [28, 0x85, 1]]], ['a packet type of interleaved mode', h264Payload, [[25, 0, 0, 0, 1, 5]]],
  ['a unit of type 0', h264Payload, [[0, 1, 2]]], ['a VP8 descriptor alone', vp8Payload, [[0x10]]], ['a VP8 picture without a start', vp8Payload, [[0x00, 1, 2, 3]]],
  ['a VP8 key picture without its start code', vp8Payload, [[0x10, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]]], ['two VP8 starts in one picture', vp8Payload, [[0x10, 1, 1], [0x10, 1, 1]]],
] as const) {
  test(`${name} is left out as damaged`, () => {
    const assembler = new PictureAssembler(format());
    const key = format === h264Payload ? h264Packets(clip.units.slice(0, 1)) : vp8Packets(vp8.slice(0, 1));
    assembled(assembler, inOrder(key));
    const told = assembled(assembler, inOrder(payloads.map((payload, index) => ({ ...first, timestamp: 99, payload: Uint8Array.from(payload), isLast: index === payloads.length - 1 }))));
    assert.equal(said(told), ['packets that follow no format']);
    assert.ok(assembler.needsKey);
  });
}

test.run();
