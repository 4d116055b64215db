import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Depacketizer, type AssembledUnit } from '../../../src/ingress/replay/depacketizer.ts';
import { rtpPacket } from '../../../src/ingress/replay/rtp-packet.ts';
import { rollDice, type Dice } from '../../support/dice.ts';
import { joinNalUnits, type NalCodec } from '../../support/nal-units.ts';
import { replayExtension } from '../../support/replay-server.ts';
import { rtpStream } from '../../support/rtp.ts';

/** NAL units of a picture: sets and SEI before slices, sizes around those where packets are cut. */
function randomUnit(dice: Dice, codec: NalCodec): { readonly data: Uint8Array; readonly isKey: boolean } {
  const isKey = dice.chance(0.3);
  const nal = (type: number, size: number): Uint8Array => {
    const bytes = Uint8Array.from({ length: size }, () => dice.between(1, 255)); // no start code within, no zero at the end
    if (codec === 'h264') bytes[0] = 0x60 | type; else { bytes[0] = type << 1; bytes[1] = 1; }
    return bytes;
  };
  const [key, other, sets] = codec === 'h264' ? [5, 1, [7, 8]] : [dice.pick([19, 20, 21]), dice.pick([0, 1, 9]), [32, 33, 34]];
  const slices = Array.from({ length: dice.between(1, 3) }, () => nal(isKey ? key : other, dice.pick([3, 40, 1399, 1400, 1401, 1402, 2801, 9_000])));
  return { data: joinNalUnits([...isKey ? sets.map((type) => nal(type, dice.between(4, 60))) : [], ...slices]), isKey };
}

for (const codec of ['h264', 'hevc'] as const) {
  test(`${codec}: what was packed comes out as it was, with its time, its marks and its key frames`, () => {
    const dice = rollDice(codec);
    const stream = rtpStream(codec);
    const depacketizer = new Depacketizer(codec);
    const units = Array.from({ length: 300 }, () => randomUnit(dice, codec));
    const base = 2 ** 32 - 20 * 3_000; // it wraps
    const out: AssembledUnit[] = [];
    for (const [index, { data }] of units.entries()) {
      const micros = 1_795_482_000_000_000 + index * 33_333;
      for (const packet of stream.packetize(data, base + index * 3_000, replayExtension(micros, { isTrackEnd: index === 299 }))) out.push(...depacketizer.take(rtpPacket(packet)!));
      assert.is(out.length, index + 1, 'a unit is complete with its marker');
    }
    for (const [index, unit] of out.entries()) {
      const { data, isKey } = units[index]!;
      assert.is(Buffer.compare(unit.data, data), 0, `unit ${index} SEED=${dice.seed}`);
      assert.is(unit.isKey, isKey);
      assert.is(unit.isCorrupt, false);
      assert.is(unit.timestamp, (base + index * 3_000) % 2 ** 32);
      assert.ok(Math.abs(unit.mark!.capturedMicros - (1_795_482_000_000_000 + index * 33_333)) <= 1);
      assert.is(unit.mark!.isTrackEnd, index === 299);
    }
  });

  test(`${codec}: without markers a unit ends where the next one's time begins`, () => {
    const dice = rollDice(`${codec} without markers`);
    const stream = rtpStream(codec);
    const depacketizer = new Depacketizer(codec);
    const units = Array.from({ length: 40 }, () => randomUnit(dice, codec).data);
    const out = units.flatMap((data, index) => stream.packetize(data, index * 3_000).flatMap((bytes) => {
      bytes[1] = bytes[1]! & 0x7f;
      return depacketizer.take(rtpPacket(bytes)!);
    }));
    out.push(...depacketizer.flush());
    assert.equal(out.map(({ data }) => Buffer.from(data).toString('hex')), units.map((data) => Buffer.from(data).toString('hex')));
  });

  test(`${codec}: a packet that is missing marks its unit as damaged, and no other`, () => {
    const dice = rollDice(`${codec} loss`);
    const stream = rtpStream(codec);
    const depacketizer = new Depacketizer(codec);
    const units = Array.from({ length: 60 }, () => randomUnit(dice, codec).data);
    const lossy = new Set(Array.from({ length: 10 }, () => dice.between(1, 58)));
    const out: { readonly index: number; readonly isCorrupt: boolean }[] = [];
    for (const [index, data] of units.entries()) {
      const packets = stream.packetize(data, index * 3_000);
      const lost = lossy.has(index) ? dice.between(0, packets.length - 1) : -1;
      for (const [at, packet] of packets.entries()) if (at !== lost) out.push(...depacketizer.take(rtpPacket(packet)!).map(({ isCorrupt, timestamp }) => ({ index: timestamp / 3_000, isCorrupt })));
    }
    out.push(...depacketizer.flush().map(({ isCorrupt, timestamp }) => ({ index: timestamp / 3_000, isCorrupt })));
    const damaged = new Set(out.filter(({ isCorrupt }) => isCorrupt).map(({ index }) => index));
    const present = new Set(out.map(({ index }) => index));
    // The packets that follow a lost one tell of it: of its own unit, or of the next when it was the last or only one.
    for (const index of lossy) assert.ok(damaged.has(index) || damaged.has(index + 1) || (!present.has(index) && lossy.has(index + 1)), `loss in ${index} is told, SEED=${dice.seed}`);
    for (const index of damaged) assert.ok(lossy.has(index) || lossy.has(index - 1) || [...lossy].some((lost) => lost < index && !present.has(lost)), `${index} was whole, SEED=${dice.seed}`);
  });
}

test('an H.264 recovery point is a key frame where the device says so and the parameter sets come with it', () => {
  const data = joinNalUnits([Uint8Array.of(0x67, 1, 2), Uint8Array.of(0x68, 3), Uint8Array.of(0x61, 9, 9)]);
  const keyOf = (bytes: Uint8Array, isClean: boolean): boolean | undefined => {
    const depacketizer = new Depacketizer('h264');
    return rtpStream('h264').packetize(bytes, 0, replayExtension(1e15, { isClean })).flatMap((packet) => depacketizer.take(rtpPacket(packet)!))[0]?.isKey;
  };
  assert.is(keyOf(data, true), true);
  assert.is(keyOf(data, false), false);
  assert.is(keyOf(joinNalUnits([Uint8Array.of(0x61, 9, 9)]), true), false);
});

test('a picture that grows without end is refused by name', () => {
  const depacketizer = new Depacketizer('h264');
  const payload = new Uint8Array(60_000).fill(9);
  payload[0] = 0x7c;
  payload[1] = 0x05;
  assert.throws(() => {
    for (let sequence = 0; sequence < 1_000; sequence += 1) {
      payload[1] = sequence === 0 ? 0x85 : 0x05;
      depacketizer.take({ payloadType: 96, isMarked: false, sequence, timestamp: 1, ssrc: 1, payload, mark: undefined });
    }
  }, /more than \d+ bytes/);
});

test.run();
