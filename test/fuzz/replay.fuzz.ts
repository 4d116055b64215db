import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros } from '../../src/engine/units.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { Depacketizer } from '../../src/ingress/replay/depacketizer.ts';
import { authorization, bestChallenge } from '../../src/ingress/replay/digest.ts';
import { replaySource } from '../../src/ingress/replay/replay-source.ts';
import { rtpPacket, saysGoodbye } from '../../src/ingress/replay/rtp-packet.ts';
import { RtspWire } from '../../src/ingress/replay/rtsp-wire.ts';
import { describedVideo } from '../../src/ingress/replay/sdp.ts';
import { changedParameters } from '../../src/media/index.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { makeClip } from '../support/clip.ts';
import { FUZZ_CASES, FUZZ_SEED, forEachCase, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { replayExtension } from '../support/replay-server.ts';
import { rtpStream } from '../support/rtp.ts';
import { sessionDescription } from '../support/rtsp-message.ts';

/** Inputs of a case where one takes microseconds. */
const CHEAP = 20;
/** A client of a device that makes no sense takes milliseconds: one in so many cases. */
const DEAR = 2;
const FROM = 1_795_482_000_000_000;
const clips = await Promise.all((['h264', 'hevc'] as const).map((codec) => makeClip({ codec, width: 160, height: 96, frames: 20, gop: 5 })));
const text = (value: string): Buffer => Buffer.from(value, 'latin1');
let tried = 0;

/** Only errors by name, of these codes. */
function named(act: () => void, ...codes: readonly string[]): void {
  tried += 1;
  try {
    act();
  } catch (error) {
    if (!(error instanceof PlatformError) || !codes.includes(error.code)) throw error;
  }
}

function packetsOf(random: FuzzRandom): { readonly codec: 'h264' | 'hevc'; readonly packets: Uint8Array[] } {
  const clip = random.pick(clips);
  const stream = rtpStream(clip.codec);
  const first = random.integer(15);
  const packets = clip.units.slice(first, first + 3).flatMap(({ data, isKey }, index) => stream.packetize(data, index * 3_600, replayExtension(FROM + index * 40_000, { isClean: isKey })));
  return { codec: clip.codec, packets: [...packets, stream.goodbye()] };
}

function interleaved(packet: Uint8Array, channel: number): Buffer {
  return Buffer.concat([Buffer.from([0x24, channel, packet.length >> 8, packet.length & 255]), packet]);
}

const ANSWERS = [
  'RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n', 'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="a, b", nonce="n", qop="auth", algorithm=SHA-256\r\n\r\n',
  'RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Base: rtsp://h/1/\r\nContent-Length: 4\r\n\r\nv=0\n', 'RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1;timeout=5\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n',
  'OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n', 'RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1:1/\r\n\r\n', '\r\n\r\n',
];

test('no bytes of a connection do more than end it by name, and none are hoarded', () => forEachCase('wire', (random) => {
  for (let round = 0; round < CHEAP; round += 1) {
    const stream = Buffer.concat(Array.from({ length: 1 + random.integer(6) }, () => (random.next() < 0.5 ? text(random.pick(ANSWERS)) : interleaved(random.bytes(random.integer(60)), random.integer(4)))));
    const bytes = random.next() < 0.1 ? random.bytes(random.integer(300)) : damaged(stream, random);
    const wire = new RtspWire();
    named(() => {
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random.integer(bytes.length);
        for (const item of wire.take(bytes.subarray(at, at + size))) if (item.kind === 'answer' && (item.status < 100 || item.status > 999)) throw new Error(`status ${item.status}`);
        at += size;
      }
    }, 'SOURCE_UNREACHABLE');
    assert.ok(wire.heldBytes <= bytes.length);
  }
}));

test('no session description does more than be refused by name', () => forEachCase('sdp', (random) => {
  for (let round = 0; round < CHEAP; round += 1) {
    const { codec, units } = random.pick(clips);
    const description = damaged(text(sessionDescription(codec, units[0]!.data, 25)), random);
    named(() => {
      const { clockHz, parameterSets, frameRate } = describedVideo(Buffer.from(description).toString('utf8'));
      assert.ok(clockHz >= 1_000 && frameRate >= 0 && parameterSets.every(({ length }) => length > 1));
    }, 'MEDIA_UNSUPPORTED');
  }
}));

test('no challenge does more than not be met, and no answer to one breaks out of its line', () => forEachCase('digest', (random) => {
  for (let round = 0; round < CHEAP; round += 1) {
    const header = Buffer.from(damaged(text(random.pick(['Digest realm="a\\"b", nonce="n", opaque="o", qop="auth,auth-int", algorithm=MD5-sess', 'Basic realm="x", Digest realm=y, nonce=z, algorithm=SHA-256', 'Digest , ,=,"'])), random)).toString('latin1');
    named(() => {
      const challenge = bestChallenge([header]);
      if (challenge !== undefined) assert.not.match(authorization(challenge, { user: 'u', password: 'p' }, { method: 'PLAY', uri: 'rtsp://h/1', count: 1, clientNonce: 'c' }), /[\r\n]/);
    });
  }
}));

test('no packets do more than damage their picture', () => forEachCase('rtp', (random) => {
  const { codec, packets } = packetsOf(random);
  for (let round = 0; round < CHEAP; round += 1) {
    const depacketizer = new Depacketizer(codec);
    let parameters: StreamParameters = { codec, width: 0, height: 0, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 0 };
    named(() => {
      for (const packet of packets) {
        const bytes = random.next() < 0.4 ? damaged(packet, random) : packet;
        saysGoodbye(bytes);
        const rtp = rtpPacket(bytes);
        for (const { data, isKey } of rtp === undefined ? [] : depacketizer.take(rtp)) if (isKey) parameters = changedParameters(data, parameters) ?? parameters;
      }
      depacketizer.flush();
    }, 'MEDIA_INVALID');
  }
}));

test('a client of a device that makes no sense gets units or an error by name, and never hangs', async () => {
  const outcomes = new Map<string, number>();
  const scripts = new Map<number, (socket: Socket) => void>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    scripts.get(0)?.(socket);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const count = Math.max(1, Math.floor(FUZZ_CASES / DEAR));
  let units = 0;
  await forEachCase('client', async (random) => {
    if (random.integer(DEAR) > 0) return;
    scripts.set(0, deviceOf(random));
    const source = replaySource({
      uri: `rtsp://u:p@127.0.0.1:${port}/replay`, label: 'd', ctx: { clock: systemClock, random: seededRandom(1) }, timeoutMs: 60, from: epochMicros(FROM - 1e6), to: epochMicros(FROM + 1e9), stallMs: 60, speedMax: 1e6, media: libavAccess,
    });
    const limit = AbortSignal.timeout(5_000);
    const startMs = performance.now();
    let outcome = 'end';
    try {
      const session = await source.open(limit);
      try {
        while (await session.next(limit) !== undefined) units += 1;
      } finally {
        await session.close();
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      outcome = error.code;
      assert.ok(['SOURCE_UNREACHABLE', 'SOURCE_REFUSED', 'SOURCE_STALLED', 'MEDIA_UNSUPPORTED', 'MEDIA_INVALID', 'CONFIG_INVALID'].includes(outcome), outcome);
    }
    tried += 1;
    assert.ok(performance.now() - startMs < 4_000, 'it hung');
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  });
  await new Promise<void>((resolve) => { server.close(() => resolve()); });
  console.log(`replay: seed ${FUZZ_SEED}, ${tried} inputs, of them ${[...outcomes.values()].reduce((a, b) => a + b, 0)} devices, ${units} units, ${JSON.stringify([...outcomes])}`);
  if (count >= 50) assert.ok(units > 0 && outcomes.size >= 3, 'some come to play');
});

/** Answers in order, each damaged with some chance, then packets. */
function deviceOf(random: FuzzRandom): (socket: Socket) => void {
  const { codec, packets } = packetsOf(random);
  const clip = clips.find((each) => each.codec === codec)!;
  const description = sessionDescription(codec, clip.units[0]!.data, 25);
  const share = random.pick([0, 0, 0.02, 0.1, 0.5]);
  const maybe = (bytes: Buffer): Uint8Array => (random.next() < share ? damaged(bytes, random) : bytes);
  const answers = [
    ...random.next() < 0.3 ? ['RTSP/1.0 401 Unauthorized\r\nCSeq: #\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n'] : [],
    `RTSP/1.0 200 OK\r\nCSeq: #\r\nContent-Type: application/sdp\r\nContent-Length: ${description.length}\r\n\r\n${description}`,
    'RTSP/1.0 200 OK\r\nCSeq: #\r\nSession: abc;timeout=1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n', 'RTSP/1.0 200 OK\r\nCSeq: #\r\n\r\n',
  ];
  const ending = random.pick(['close', 'silence'] as const);
  return (socket) => {
    let asked = 0;
    socket.on('data', (bytes) => {
      for (const [, sequence] of bytes.toString('latin1').matchAll(/CSeq: (\d+)/g)) {
        const next = answers[asked];
        asked += 1;
        if (socket.destroyed) return;
        socket.write(maybe(text((next ?? 'RTSP/1.0 200 OK\r\nCSeq: #\r\n\r\n').replace('#', sequence ?? ''))));
        if (asked !== answers.length) continue;
        for (const packet of packets) socket.write(maybe(interleaved(packet, packet === packets.at(-1) ? 1 : 0)));
        if (ending === 'close') socket.end();
      }
    });
  };
}

test.run();
