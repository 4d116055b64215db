import { createSocket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classes, Message, methods } from 'werift';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { answerSdp } from '../../src/ingress/webrtc/answer.ts';
import { JitterBuffer } from '../../src/ingress/webrtc/jitter-buffer.ts';
import { readOffer } from '../../src/ingress/webrtc/offer.ts';
import type { RtpPacket } from '../../src/ingress/webrtc/rtp-packet.ts';
import { bindingSuccess, readBindingRequest } from '../../src/ingress/webrtc/stun.ts';
import { readTrickle } from '../../src/ingress/webrtc/trickle.ts';
import { VideoReceiver } from '../../src/ingress/webrtc/video-receiver.ts';
import { WhipDoors } from '../../src/ingress/webrtc/whip-doors.ts';
import { makeClip } from '../support/clip.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { eventually } from '../support/eventually.ts';
import { FUZZ_CASES, FUZZ_SEED, forEachCase, FuzzRandom } from '../support/fuzz.ts';
import { h264Packets, vp8Packets } from '../support/published-packets.ts';
import { CHROMIUM_OFFER, ENCODER_OFFER, OFFERS } from '../support/whip-offers.ts';
import { withGateway } from '../support/with-gateway.ts';

const FACTS = { ice: { ufrag: 'abcd', password: 'x'.repeat(22) }, candidates: ['candidate:1 1 udp 1 127.0.0.1 9 typ host'], fingerprint: { algorithm: 'sha-256', value: 'AA' }, sessionId: 1, bitrateMax: 0 };
const FRAGMENT = 'a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=end-of-candidates\r\n';
const PIECES = ['\r\n', '\n', '\0', 'a=', 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n', 'm=video 9 UDP/TLS/RTP/SAVPF 300\r\n', 'm=', 'a=setup:holdconn\r\n', 'a=mid:\r\n', ':', ' ', '999999999999', '-1', 'a=ssrc:\r\n', 'a=rtpmap:96 H264/90000\r\n', 'a=recvonly\r\n', '\u202e', 'a=fmtp:96 ;;;=\r\n', 'a=ice-ufrag:\r\n', 'a=group:BUNDLE\r\n'];

/** A text with some of its characters, lines or numbers changed. */
function damaged(text: string, random: FuzzRandom): string {
  let out = text;
  for (let change = random.integer(6) + 1; change > 0; change--) {
    const at = random.integer(out.length + 1);
    const length = random.integer(random.pick([1, 8, 200]));
    switch (random.integer(5)) {
      case 0: out = out.slice(0, at) + out.slice(at + length); break;
      case 1: out = out.slice(0, at) + random.pick(PIECES) + out.slice(at); break;
      case 2: out = out.slice(0, at) + Buffer.from(random.bytes(length)).toString('latin1') + out.slice(at); break;
      case 3: { const lines = out.split('\r\n'); lines.splice(random.integer(lines.length), 1); out = lines.join('\r\n'); break; }
      default: { const lines = out.split('\r\n'); lines.splice(random.integer(lines.length), 0, random.pick(lines)); out = lines.join('\r\n'); }
    }
  }
  return out;
}

/** Counts by name; anything but the given names fails. */
function tried(outcomes: Map<string, number>, names: readonly string[], work: () => void): void {
  let outcome = 'taken';
  try {
    work();
  } catch (error) {
    if (!(error instanceof PlatformError) || !names.includes(error.code)) throw error;
    outcome = error.code;
  }
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

test('no offer does anything but be answered with SDP or refused by name', async () => {
  const outcomes = new Map<string, number>();
  await forEachCase('offer', (random) => {
    const text = damaged(random.pick(OFFERS), random);
    tried(outcomes, ['SDP_INVALID', 'OFFER_REFUSED'], () => {
      const answer = answerSdp(readOffer(text), FACTS);
      assert.ok(answer.split('\r\n').every((line) => line === '' || /^[a-z]=[^\r\n\0]*$/.test(line)), JSON.stringify(answer));
    });
  });
  console.log(`offers: seed ${FUZZ_SEED}, ${JSON.stringify([...outcomes])}`);
  if (FUZZ_CASES >= 500) for (const name of ['taken', 'SDP_INVALID', 'OFFER_REFUSED']) assert.ok(outcomes.has(name), name);
});

test('no fragment does anything but be taken or refused by name', async () => {
  const outcomes = new Map<string, number>();
  await forEachCase('fragment', (random) => {
    const text = damaged(FRAGMENT, random);
    tried(outcomes, ['SDP_INVALID'], () => { readTrickle(text); });
  });
  console.log(`fragments: seed ${FUZZ_SEED}, ${JSON.stringify([...outcomes])}`);
  if (FUZZ_CASES >= 500) for (const name of ['taken', 'SDP_INVALID']) assert.ok(outcomes.has(name), name);
});

const clip = await makeClip({ codec: 'h264', width: 320, height: 192, frames: 20, gop: 5 });
const vp8 = encodeClip('vp8', { frames: 20, gop: 5, options: { 'auto-alt-ref': '0', 'lag-in-frames': '0' } }).units;

test('no packets do anything but make pictures or be counted, in bounded memory', async () => {
  let pictures = 0;
  let unreadable = 0;
  await forEachCase('packets', (random) => {
    const codec = random.pick(['h264', 'vp8'] as const);
    const numbering = { sequence: random.integer(65_536), timestamp: random.integer(2 ** 31) * 2 };
    const packets = codec === 'h264' ? h264Packets(clip.units, numbering) : vp8Packets(vp8, numbering, 100 + random.integer(900));
    let nowMs = 0;
    const receiver = new VideoReceiver({ codec, localSsrc: 1, waitMs: random.integer(300), bitrateMax: random.pick([0, 1_000_000]), send: (rtcp) => { assert.is(rtcp.length % 4, 0); }, clock: { ...systemClock, monotonicMs: () => nowMs } });
    for (const packet of mixed(packets, random)) {
      nowMs += random.integer(20);
      receiver.push(packet, random.integer(50) === 0 ? random.integer(3) : 1, random.integer(3) === 0 ? undefined : random.integer(65_536));
      if (random.integer(4) === 0) receiver.tick(nowMs);
      if (random.integer(20) === 0) receiver.senderReport(1, BigInt(random.integer(2 ** 31)) << BigInt(random.integer(34)), random.integer(2 ** 31));
      while (receiver.take() !== undefined) pictures += 1;
    }
    receiver.flush();
    while (receiver.take() !== undefined) pictures += 1;
    unreadable += receiver.unreadable;
  });
  console.log(`packets: seed ${FUZZ_SEED}, ${pictures} pictures, ${unreadable} lost or left out`);
  assert.ok(pictures > FUZZ_CASES && unreadable > 0);
});

/** Packets lost, repeated, out of order, changed and made up. */
function mixed(packets: readonly RtpPacket[], random: FuzzRandom): RtpPacket[] {
  const rate = random.pick([0, 0.01, 0.1, 0.5]);
  return packets.flatMap((packet): RtpPacket[] => {
    if (random.next() >= rate) return [packet];
    const payload = Uint8Array.from(packet.payload);
    switch (random.integer(7)) {
      case 0: return [];
      case 1: return [packet, packet];
      case 2: return [{ ...packet, sequence: random.integer(65_536) }];
      case 3: return [{ ...packet, timestamp: random.integer(2 ** 31), isLast: random.integer(2) === 0 }];
      case 4: return [{ ...packet, payload: payload.subarray(0, random.integer(payload.length + 1)) }];
      case 5: { if (payload.length > 0) payload[random.integer(Math.min(4, payload.length))] = random.integer(256); return [{ ...packet, payload }]; }
      default: return [{ ...packet, payload: random.bytes(random.integer(40)), arrivedAt: epochMicros(random.integer(2 ** 31)) }, packet];
    }
  }).map((packet, index) => ({ packet, at: index + random.integer(random.pick([1, 1, 30])) })).toSorted((a, b) => a.at - b.at).map(({ packet }) => packet);
}

test('a jitter buffer holds no more than its window, whatever numbers come', async () => {
  await forEachCase('numbers', (random) => {
    const buffer = new JitterBuffer({ waitMs: random.integer(200), settleMs: random.integer(30), maxPackets: 64, maxBytes: 4096 });
    let given = 0;
    const total = 200;
    for (let index = 0; index < total; index++) {
      buffer.push({ sequence: random.pick([random.integer(65_536), index & 0xffff, (index + random.integer(80)) & 0xffff]), timestamp: 0, isLast: false, payload: new Uint8Array(random.integer(200)), arrivedAt: epochMicros(0) }, index);
      assert.ok(buffer.wanted(index).length <= 65);
      given += buffer.take(index).filter(({ kind }) => kind === 'packet').length;
    }
    given += buffer.take(Number.POSITIVE_INFINITY).filter(({ kind }) => kind === 'packet').length;
    assert.is(given + buffer.duplicates + buffer.late, total);
    assert.not.ok(buffer.isWaiting);
  });
});

test('no datagram makes STUN do anything but answer those who know the password', async () => {
  const valid = Buffer.from('000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf', 'hex'); // RFC 5769, section 2.1
  assert.ok(readBindingRequest(valid)?.isSignedWith('VOkJxbRl1RmTxUk/WvJxBt'));
  await forEachCase('stun', (random) => {
    const bytes = random.integer(8) === 0 ? Buffer.from(random.bytes(random.integer(200))) : Buffer.from(valid);
    for (let change = random.integer(5); change > 0 && bytes.length > 0; change--) bytes[random.integer(bytes.length)] = random.integer(256);
    const request = readBindingRequest(bytes.subarray(0, random.integer(4) === 0 ? random.integer(bytes.length + 1) : bytes.length));
    if (request !== undefined) bindingSuccess(request, { address: random.pick(['192.0.2.1', '2001:db8::1', '::ffff:1.2.3.4', 'fe80::1%eth0']), port: random.integer(65_536) }, 'secret');
  });
});

test('no request over HTTP, and no publisher it makes, does anything but be answered', async () => {
  const doors = new WhipDoors({ portMin: 0, portMax: 0, publicAddresses: ['127.0.0.1'], clock: systemClock, codecs: ['h264', 'vp8'], isTakeoverAllowed: true, connectMs: 50, stallMs: 50, keyTimeoutMs: 50, waitMs: 50, bitrateMax: 0 });
  doors.open('phone' as CameraId);
  const outcomes = new Map<number, number>();
  await withGateway({ whip: { allowOrigins: ['https://a.example'], iceServers: [] } }, async ({ backend, call, gateway }) => {
    backend.addView('phone');
    backend.whip = { publish: (camera, { offer }) => doors.publish(camera, offer), trickle: (camera, { session, ...change }) => doors.trickle(camera, session, change), end: (camera, { session }) => doors.end(camera, session) };
    let location = '/whip/phone/01234567-89ab-cdef-0123-456789abcdef';
    for (let number = 0; number < Math.min(FUZZ_CASES, 2000); number++) {
      const random = new FuzzRandom(FUZZ_SEED + number);
      const method = random.pick(['POST', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'GET', 'PUT']);
      const path = random.pick(['/whip/phone', '/whip/phone', location, '/whip/none', `/whip/${encodeURIComponent(Buffer.from(random.bytes(5)).toString('latin1'))}`]);
      const body = random.integer(2) === 0 ? random.pick([CHROMIUM_OFFER, ENCODER_OFFER, ...OFFERS]) : damaged(random.pick([...OFFERS, FRAGMENT]), random);
      const headers: Record<string, string> = { 'content-type': random.pick(['application/sdp', 'application/sdp', 'application/sdp', 'application/sdp; charset=utf-8', 'application/trickle-ice-sdpfrag', 'text/plain', 'application/json']), ...random.integer(2) === 0 && { 'if-match': random.pick(['*', '"x"', 'W/"1"', '']) }, ...random.integer(6) === 0 && { accept: random.pick(['*/*', 'application/sdp', 'text/html', ';;;', 'a/b;q=x']) }, ...random.integer(8) === 0 && { origin: random.pick(['https://a.example', 'null', 'https://b.example']) } };
      const answer = await call(method, path, method === 'GET' ? {} : { headers, body });
      outcomes.set(answer.status, (outcomes.get(answer.status) ?? 0) + 1);
      assert.ok(answer.status < 500, `${FUZZ_SEED + number}: ${method} ${path} ${answer.status} ${answer.text}`);
      if (answer.status === 201) location = String(answer.headers['location']);
      if (answer.status >= 400 && method !== 'HEAD') assert.ok(typeof answer.json['code'] === 'string', answer.text);
    }
    assert.is(gateway.counts().failures, 0);
  });
  await doors.closeAll();
  console.log(`requests: seed ${FUZZ_SEED}, ${JSON.stringify([...outcomes])}`);
  if (FUZZ_CASES >= 500) for (const status of [201, 400, 404, 415, 422]) assert.ok(outcomes.has(status), String(status));
});

/** A DTLS 1.2 ClientHello (RFC 6347, section 4.2) with use_srtp, short of nothing. */
const HELLO = Buffer.from('16feff00000000000000000062010000560000000000000056fefd' + '11'.repeat(32) + '00000004c02bc02f0100002800170000ff01000100000a00080006001d00170018000b00020100000e0009000600010008000700', 'hex');

test('no datagram of a publisher that was let in ends the process', async () => {
  const doors = new WhipDoors({ portMin: 0, portMax: 0, publicAddresses: ['127.0.0.1'], clock: systemClock, codecs: ['h264', 'vp8'], isTakeoverAllowed: true, connectMs: 2000, stallMs: 1000, keyTimeoutMs: 1000, waitMs: 50, bitrateMax: 0 });
  doors.open('phone' as CameraId);
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => { socket.bind(0, '127.0.0.1', resolve); });
  let answers = 0;
  socket.on('message', () => { answers += 1; });
  const sessions = Math.min(FUZZ_CASES, 500);
  for (let number = 0; number < sessions; number++) {
    const random = new FuzzRandom(FUZZ_SEED + number);
    const { session, answer } = await doors.publish('phone' as CameraId, CHROMIUM_OFFER);
    const [, ufrag = ''] = /a=ice-ufrag:(\S+)/.exec(answer) ?? [];
    const [, password = ''] = /a=ice-pwd:(\S+)/.exec(answer) ?? [];
    const port = Number(/127\.0\.0\.1 (\d+) typ host/.exec(answer)?.[1]);
    const send = (bytes: Uint8Array): Promise<void> => new Promise((resolve) => { socket.send(bytes, port, '127.0.0.1', () => resolve()); });
    const before = answers;
    await send(new Message(methods.BINDING, classes.REQUEST).setAttribute('USERNAME', `${ufrag}:CfMx`).setAttribute('PRIORITY', 1).setAttribute('ICE-CONTROLLING', 7n).setAttribute('USE-CANDIDATE', null).addMessageIntegrity(Buffer.from(password)).addFingerprint().bytes);
    await eventually(() => answers > before, 'ICE');
    for (let datagram = random.integer(20); datagram > 0; datagram--) {
      const bytes = random.integer(3) === 0 ? Buffer.from(random.bytes(random.integer(120))) : Buffer.from(HELLO);
      for (let change = random.integer(6); change > 0 && bytes.length > 0; change--) bytes[random.integer(bytes.length)] = random.integer(256);
      if (bytes.length > 0 && random.integer(4) === 0) bytes[0] = random.pick([20, 21, 22, 23, 63, 128, 144, 191, 255]);
      await send(bytes.subarray(0, random.integer(5) === 0 ? random.integer(bytes.length + 1) : bytes.length));
    }
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    await doors.end('phone' as CameraId, session).catch((error: unknown) => { if (!(error instanceof PlatformError)) throw error; });
  }
  socket.close();
  await doors.closeAll();
  console.log(`datagrams: seed ${FUZZ_SEED}, ${sessions} sessions, ${answers} answers`);
});

test.run();
