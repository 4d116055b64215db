import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { seededRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { createSource } from '../../../src/ingress/index.ts';
import { libavAccess } from '../../../src/ingress/libav-access.ts';
import type { SourceSession } from '../../../src/ingress/source.ts';
import { WhipDoors, type WhipOptions } from '../../../src/ingress/webrtc/whip-doors.ts';
import type { SourceUnit } from '../../../src/messages/access-unit.ts';
import { makeClip } from '../../support/clip.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { eventually } from '../../support/eventually.ts';
import { nalUnits } from '../../support/nal-units.ts';
import { makeOffer, publishTo } from '../../support/whip-publisher.ts';
import { call, withGateway, type Rig } from '../../support/with-gateway.ts';

const OPTIONS: WhipOptions = {
  portMin: 0, portMax: 0, publicAddresses: ['127.0.0.1'], clock: systemClock, codecs: ['h264', 'vp8'], isTakeoverAllowed: true,
  connectMs: 10_000, stallMs: 5_000, keyTimeoutMs: 10_000, waitMs: 5_000, bitrateMax: 0,
};
const CAMERA = 'phone' as CameraId;
const signal = new AbortController().signal;

interface Place { readonly rig: Rig; readonly doors: WhipDoors; open(until?: AbortSignal): Promise<SourceSession> }

/** A gateway with one camera that waits for publishers. */
async function withCamera(options: Partial<WhipOptions>, check: (place: Place) => Promise<void>): Promise<void> {
  const doors = new WhipDoors({ ...OPTIONS, ...options });
  const source = await createSource({ uri: 'whip://phone', ctx: { clock: systemClock, random: seededRandom(1) }, media: libavAccess, publishers: doors.open(CAMERA) });
  await withGateway({}, async (rig) => {
    rig.backend.addView(CAMERA);
    rig.backend.whip = {
      publish: (camera, { offer }) => doors.publish(camera, offer),
      trickle: (camera, { session, ...change }) => doors.trickle(camera, session, change),
      end: (camera, { session }) => doors.end(camera, session),
    };
    try {
      await check({ rig, doors, open: (until = signal) => source.open(until) });
    } finally {
      await doors.closeAll();
    }
  });
}

/** Reads a session up to its end. */
function reading(session: SourceSession): { readonly units: SourceUnit[]; readonly failure: Promise<string | undefined> } {
  const units: SourceUnit[] = [];
  const read = async (): Promise<string | undefined> => {
    try {
      for (let unit = await session.next(signal); unit !== undefined; unit = await session.next(signal)) units.push(unit);
      return undefined;
    } catch (error) {
      return error instanceof PlatformError ? error.code : String(error);
    } finally {
      await session.close();
    }
  };
  return { units, failure: read() };
}

const nalsOf = (pictures: readonly { readonly data: Uint8Array }[]): Buffer[][] => pictures.map(({ data }) => nalUnits(data).map((nal) => Buffer.from(nal)));
const clip = await makeClip({ codec: 'h264', width: 640, height: 360, frames: 60, gop: 30 });
const larger = await makeClip({ codec: 'h264', width: 960, height: 540, frames: 20, gop: 10 });
const vp8 = encodeClip('vp8', { frames: 40, gop: 20, size: '320x192', options: { 'auto-alt-ref': '0', 'lag-in-frames': '0' } }).units;

test('what a publisher sends as H.264 comes out unit by unit as it was sent, and DELETE ends the session in order', async () => {
  await withCamera({}, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'h264');
    const read = reading(await opening);
    await publisher.connected();
    await publisher.send(clip.units);
    await publisher.send(larger.units);
    assert.is((await call(rig.port, 'DELETE', publisher.location)).status, 200);
    assert.is(await read.failure, undefined);
    const { units } = read;
    assert.equal(nalsOf(units), nalsOf([...clip.units, ...larger.units]));
    assert.equal(units.map(({ pts }) => pts), units.map((_, index) => index * 3600));
    const changes = units.flatMap(({ parameters }, index) => (parameters === undefined ? [] : [{ index, width: parameters.width, height: parameters.height, codec: parameters.codec }]));
    assert.equal(changes, [{ index: 0, width: 640, height: 360, codec: 'h264' }, { index: 60, width: 960, height: 540, codec: 'h264' }]);
    assert.is((await call(rig.port, 'DELETE', publisher.location)).status, 404);
    await publisher.close();
  });
});

test('VP8 comes out byte for byte', async () => {
  await withCamera({}, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'vp8');
    const read = reading(await opening);
    await publisher.connected();
    await publisher.send(vp8);
    await call(rig.port, 'DELETE', publisher.location);
    assert.is(await read.failure, undefined);
    const { units } = read;
    assert.equal(units.map(({ data }) => Buffer.from(data)), vp8.map(({ data }) => Buffer.from(data)));
    assert.equal(units[0]?.parameters, { codec: 'vp8', width: 320, height: 192, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, framing: 'raw', frameRate: 0 });
    await publisher.close();
  });
});

test('an encoder that waits for our handshake is taken too', async () => {
  await withCamera({}, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'vp8', 'passive');
    assert.match(publisher.answer.text, 'a=setup:active');
    const { units } = reading(await opening);
    await publisher.connected();
    await publisher.send(vp8);
    await eventually(() => units.length === vp8.length, 'every picture');
    await publisher.close();
  });
});

test('packets that get lost are asked for again, and nothing is missing', async () => {
  await withCamera({}, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'h264');
    const session = await opening;
    const { units } = reading(session);
    await publisher.connected();
    const sent = clip.units.slice(0, 10);
    await publisher.send(sent.slice(0, -1), (packet) => (packet > 5 && packet % 5 === 0 ? 'once' : 'arrives'));
    await publisher.send(sent.slice(-1)); // a loss shows by what comes behind it
    assert.ok(publisher.packets > 20 && publisher.packets < 128, String(publisher.packets));
    await eventually(() => units.length === sent.length, 'every picture is there', 10_000);
    assert.equal(nalsOf(units), nalsOf(sent));
    assert.is(session.unreadablePackets, 0);
    await publisher.close();
  });
});

test('what stays lost is said, and the publisher is asked for a key picture', async () => {
  await withCamera({ waitMs: 60 }, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'h264');
    const session = await opening;
    const { units } = reading(session);
    await publisher.connected();
    await publisher.send(clip.units.slice(0, 10));
    await publisher.send(clip.units.slice(10, 12), () => 'forever');
    await publisher.send(clip.units.slice(12, 20));
    await eventually(() => publisher.keyRequests > 0, 'a key picture is asked for');
    await publisher.send(clip.units.slice(30, 40));
    await eventually(() => units.length === 20, 'pictures before the loss and from the next key picture on');
    assert.equal(nalsOf(units), nalsOf([...clip.units.slice(0, 10), ...clip.units.slice(30, 40)]));
    assert.ok(session.unreadablePackets >= 10, String(session.unreadablePackets));
    assert.is(session.lastUnreadable?.code, 'MEDIA_CORRUPT');
    await publisher.close();
  });
});

test('a publisher that falls silent is over, with its reason, and the next one begins a new session', async () => {
  await withCamera({ stallMs: 300 }, async ({ rig, open }) => {
    for (const round of [1, 2]) {
      const opening = open();
      const publisher = await publishTo(rig.port, CAMERA, 'h264');
      const read = reading(await opening);
      await publisher.connected();
      await publisher.send(clip.units);
      assert.is(await read.failure, 'SOURCE_STALLED', `round ${round}`);
      assert.is(read.units.length, clip.units.length);
      await publisher.close();
    }
  });
});

test('a second publisher takes the camera over when it is connected; what came of the first one is kept', async () => {
  await withCamera({}, async ({ rig, open }) => {
    const opening = open();
    const one = await publishTo(rig.port, CAMERA, 'h264');
    const first = reading(await opening);
    await one.connected();
    await one.send(clip.units);
    const next = open();
    const two = await publishTo(rig.port, CAMERA, 'vp8');
    assert.is(await first.failure, 'PUBLISHER_REPLACED');
    assert.is(first.units.length, clip.units.length);
    const second = reading(await next);
    await two.connected();
    await two.send(vp8);
    await eventually(() => second.units.length === vp8.length, 'pictures of the second');
    await Promise.all([one.close(), two.close()]);
  });
});

test('where takeovers are not allowed the second publisher is refused while the first one is there', async () => {
  await withCamera({ isTakeoverAllowed: false }, async ({ rig, open }) => {
    const opening = open();
    const publisher = await publishTo(rig.port, CAMERA, 'h264');
    await opening;
    const refused = await publishTo(rig.port, CAMERA, 'h264').then(() => '', (error: unknown) => String(error));
    assert.match(refused, /409.*PUBLISHER_EXISTS/);
    await call(rig.port, 'DELETE', publisher.location);
    const again = await publishTo(rig.port, CAMERA, 'h264');
    await Promise.all([publisher.close(), again.close()]);
  });
});

test('a publisher that gets an answer and never connects is over after its time', async () => {
  const doors = new WhipDoors({ ...OPTIONS, connectMs: 200 });
  doors.open(CAMERA);
  const { peer, sdp } = await makeOffer('vp8');
  await peer.close();
  const { session, entityTag } = await doors.publish(CAMERA, sdp);
  const fragment = 'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n';
  assert.match((await doors.trickle(CAMERA, session, { fragment, expectedTag: entityTag })).fragment ?? '', /a=ice-ufrag:[0-9a-f]{12}\r\n/);
  let code = '';
  await eventually(() => {
    doors.trickle(CAMERA, session, { fragment, expectedTag: '*' }).catch((error: unknown) => { code = error instanceof PlatformError ? error.code : String(error); });
    return code !== '';
  }, 'it is over');
  assert.is(code, 'PUBLISHING_UNKNOWN');
  await doors.closeAll();
});

test.run();
