import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GenericNack, PictureLossIndication, ReceiverEstimatedMaxBitrate, RtcpPacketConverter, RtcpPayloadSpecificFeedback, RtcpRrPacket, RtcpTransportLayerFeedback, TransportWideCC } from 'werift';
import { epochMicros } from '../../../src/engine/units.ts';
import { ReceptionReport } from '../../../src/ingress/webrtc/reception-report.ts';
import { bitrateLimit, genericNack, pictureLoss } from '../../../src/ingress/webrtc/rtcp.ts';
import { ntpMicros, SenderTime } from '../../../src/ingress/webrtc/rtp-times.ts';
import { TransportFeedback } from '../../../src/ingress/webrtc/transport-feedback.ts';
import { FuzzRandom } from '../../support/fuzz.ts';

/** What we write is read with werift's own parsers. */
function read<Kind extends new (...args: never[]) => object>(bytes: Buffer, kind: Kind): InstanceType<Kind> {
  const [packet, ...more] = RtcpPacketConverter.deSerialize(bytes);
  assert.is(more.length, 0);
  const found = packet instanceof RtcpTransportLayerFeedback || packet instanceof RtcpPayloadSpecificFeedback ? packet.feedback : packet;
  assert.instance(found, kind);
  return found as InstanceType<Kind>;
}

test('lost packets are named, across the wrap and beyond one mask', () => {
  const lost = [65_534, 65_535, 0, 14, 40, 41];
  const nack = read(genericNack(7, 9, lost), GenericNack);
  assert.equal([nack.senderSsrc, nack.mediaSourceSsrc, nack.lost.map((number) => number & 0xffff)], [7, 9, lost]); // werift does not wrap them
});

test('a key picture is asked for, and a rate bounded to what fits the form', () => {
  const loss = read(pictureLoss(7, 9), PictureLossIndication);
  assert.equal([loss.senderSsrc, loss.mediaSsrc], [7, 9]);
  for (const rate of [1000, 262_143, 262_144, 1_500_000, 100_000_000]) {
    const remb = read(bitrateLimit(7, 9, rate), ReceiverEstimatedMaxBitrate);
    assert.ok(Number(remb.bitrate) <= rate && Number(remb.bitrate) > rate * 0.999, `${rate}: ${remb.bitrate}`);
    assert.equal(remb.ssrcFeedbacks, [9]);
  }
});

/** When each packet arrived, as the message says, in microseconds; undefined: missing. */
function arrivalsOf(bytes: Buffer): Map<number, number | undefined> {
  const { baseSequenceNumber, packetStatusCount, referenceTime } = read(bytes, TransportWideCC);
  const arrivals = new Map<number, number | undefined>();
  let at = 20;
  const statuses: number[] = [];
  while (statuses.length < packetStatusCount) {
    const chunk = bytes.readUInt16BE(at);
    at += 2;
    for (let run = chunk & 0x1fff; run > 0; run--) statuses.push(chunk >> 13);
  }
  let micros = referenceTime * 64_000;
  statuses.forEach((status, index) => {
    if (status > 0) {
      micros += (status === 1 ? bytes.readUInt8(at) : bytes.readInt16BE(at)) * 250;
      at += status;
    }
    arrivals.set((baseSequenceNumber + index) & 0xffff, status > 0 ? micros : undefined);
  });
  return arrivals;
}

test('arrivals are told as they were, to a quarter of a millisecond, with what is missing, in any order and across the wrap', () => {
  const seed = Date.now() % 2 ** 32;
  for (let round = 0; round < 100; round++) {
    const random = new FuzzRandom(seed + round);
    const first = 65_400 + random.integer(200);
    const feedback = new TransportFeedback();
    const told = new Map<number, number | undefined>();
    const noted = new Map<number, number>();
    let micros = 1_000_000_000 + random.integer(1e9);
    for (let index = 0; index < 400; index++) {
      micros += random.integer(random.pick([100, 5000, 400_000]));
      const sequence = (first + index) & 0xffff;
      if (random.integer(10) > 0 || index === 0) { feedback.note(sequence, micros); noted.set(sequence, micros); }
      if (random.integer(15) > 0 && index < 399) continue;
      for (let message = feedback.take(7, 9); message !== undefined; message = feedback.take(7, 9)) for (const [number, arrived] of arrivalsOf(message)) told.set(number, arrived);
    }
    for (const [sequence, arrived] of told) {
      const was = noted.get(sequence);
      assert.is(arrived === undefined, was === undefined, `seed ${seed + round}: ${sequence}`);
      if (was !== undefined && arrived !== undefined) assert.ok(Math.abs(was - arrived) <= 250, `seed ${seed + round}: ${sequence} ${was} ${arrived}`);
    }
    assert.is(told.size, ([...noted.keys()].at(-1)! - first + 65_536) % 65_536 + 1, `seed ${seed + round}: each is told of, up to the last that came`);
  }
});

test('a receiver report counts what is missing and lets the sender measure the way', () => {
  const report = new ReceptionReport();
  assert.is(report.take(7, 9, 0), undefined);
  for (const sequence of [65_533, 65_534, 1, 2, 3]) report.note({ sequence, timestamp: 0, isLast: false, payload: new Uint8Array(1), arrivedAt: epochMicros(0) });
  report.noteSenderReport(0x1234_5678_9abc_def0n, 1000);
  const [first] = read(report.take(7, 9, 1500)!, RtcpRrPacket).reports;
  assert.equal([first?.ssrc, first?.packetsLost, first?.fractionLost, first?.highestSequence, first?.lsr, first?.dlsr], [9, 2, Math.floor(2 / 7 * 256), 65_539, 0x5678_9abc, 32_768]);
  const [second] = read(report.take(7, 9, 1500)!, RtcpRrPacket).reports;
  assert.is(second?.fractionLost, 0);
});

test('the sender\'s clock is read from its report, and carried over the wrap of time stamps', () => {
  const ntp = (BigInt(1_700_000_000 + 2_208_988_800) << 32n) + 2n ** 31n;
  assert.is(ntpMicros(ntp), 1_700_000_000_500_000);
  const time = new SenderTime();
  assert.is(time.microsOf(0), null);
  time.report(0n, 5);
  assert.is(time.microsOf(0), null);
  time.report(ntp, 2 ** 32 - 45_000);
  assert.is(time.microsOf(45_000), 1_700_000_001_500_000);
  assert.is(time.microsOf(2 ** 32 - 90_000), 1_700_000_000_000_000);
});

test.run();
