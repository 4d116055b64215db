import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { connectOnvif, type OnvifDevice } from '../../src/ingress/onvif/connect-onvif.ts';
import { digestAnswer } from '../../src/ingress/onvif/digest-login.ts';
import { readDeviceInformation } from '../../src/ingress/onvif/device-information.ts';
import { readDeviceTime } from '../../src/ingress/onvif/device-time.ts';
import { chooseProfile, readProfiles, uriIn } from '../../src/ingress/onvif/media-profiles.ts';
import { readMotion, readSubscription } from '../../src/ingress/onvif/motion-events.ts';
import { parseOnvifUri } from '../../src/ingress/onvif/onvif-uri.ts';
import { probes, readProbeMatches } from '../../src/ingress/onvif/probe-messages.ts';
import { readPresets, readPtzStatus } from '../../src/ingress/onvif/ptz.ts';
import { mediaUrl, serviceUrl } from '../../src/ingress/onvif/service-address.ts';
import { readCapabilities, readServices } from '../../src/ingress/onvif/services.ts';
import { readSoap } from '../../src/ingress/onvif/soap.ts';
import { contentOf } from '../../src/ingress/onvif/write-request.ts';
import type { XmlElement } from '../../src/ingress/onvif/xml.ts';
import { answerOf, envelope, faultAnswer, motionAnswer, probeMatch, type CameraTraits } from '../support/onvif-answers.ts';
import { startOnvifCamera } from '../support/onvif-camera.ts';
import { eventually } from '../support/eventually.ts';
import { FUZZ_CASES, FUZZ_SEED, forEachCase, type FuzzRandom } from '../support/fuzz.ts';

/** Each case in memory is so cheap that many are tried for one of other tests. */
const CASES_A_CASE = 20;
/** One answer, on a busy machine. */
const LIMIT_MS = 1_000;
const NAMED: readonly string[] = ['ONVIF_INVALID', 'ONVIF_REFUSED', 'SOURCE_REFUSED', 'PROFILE_UNKNOWN'];

const traits: CameraTraits = {
  user: 'admin', password: 'pw', information: { Manufacturer: 'M', Model: 'M', FirmwareVersion: '1', SerialNumber: '007', HardwareId: 'H' }, uuid: 'aaaa-bbbb',
  clockOffsetMs: 0, hasMedia2: true, hasPtz: true, hasEvents: true, isOld: false, namedHost: '192.0.2.1:8080', streams: { profile_1: 'rtsp://192.0.2.1:554/a?b=1&c=2' },
};
const pose = { pan: 0.5, tilt: -0.5, zoom: 0, isMoving: true };
const address = { host: '127.0.0.1', port: 80, isSecure: false, path: '/onvif/device_service' };
const OPERATIONS = ['GetSystemDateAndTime', 'GetServices', 'GetCapabilities', 'GetDeviceInformation', 'GetProfiles', 'GetStreamUri', 'GetSnapshotUri', 'GetStatus', 'GetPresets', 'CreatePullPointSubscription'] as const;
const ANSWERS: readonly string[] = [
  ...['', 'ver20/media'].flatMap(version => OPERATIONS.map(operation => envelope(answerOf(operation, `<ProfileToken>profile_1</ProfileToken>${version}`, traits, pose) ?? ''))),
  envelope(motionAnswer([true, false, true])), faultAnswer('NotAuthorized', 'Sender not Authorized'), envelope('<s:Fault><faultcode>a:b</faultcode><faultstring>no</faultstring></s:Fault>'),
];
const TOKENS: readonly string[] = [
  '<', '>', '/>', '</', '<!--', '-->', '<![CDATA[', ']]>', '<?', '?>', '<!DOCTYPE x [<!ENTITY a "b">]>', '&amp;', '&#0;', '&#xFFFFFF;', '&a;', '"', "'", '=', ' xmlns:a="b"', '\u0000', '\uFFFF', '\uD800',
  'NaN', '1e999', '-0', '007', 'true', '__proto__', 'constructor', 'rtsp://', 'http://[::', '../', '%00', '\r\n', 'A'.repeat(3_000), '<a>'.repeat(70), 'urn:uuid:aaaa', '<Body>', '</s:Body>', '<s:Fault>',
];

const VALUES = TOKENS.filter(token => !/[<"]/.test(token));

/** A text with a few random changes: pieces removed, repeated, moved, replaced, or strange ones put in. */
function damaged(text: string, random: FuzzRandom): string {
  let result = text;
  // Values alone, so that much is read: every text and attribute has its turn.
  if (random.integer(2) === 0) return text.replace(/>([^<]+)<|="([^"]*)"/g, (whole, inner?: string) => (random.integer(5) > 0 ? whole : inner === undefined ? `="${random.pick(VALUES)}"` : `>${random.pick(VALUES)}<`));
  for (let changes = 1 + random.integer(4); changes > 0; changes -= 1) {
    const [from, length] = [random.integer(result.length + 1), random.integer(120)];
    const piece = result.slice(from, from + length);
    switch (random.integer(7)) {
      case 0: result = result.slice(0, from) + result.slice(from + length); break;
      case 1: result = result.slice(0, from) + piece + result.slice(from); break;
      case 2: result = result.slice(0, from); break;
      case 3: { const at = random.integer(result.length + 1); result = result.slice(0, at) + piece + result.slice(at); break; }
      case 4: result = result.slice(0, from) + String.fromCharCode(random.integer(0x10000)) + result.slice(from + 1); break;
      case 5: result = result.replace(/>([^<]+)</g, (_, inner: string) => (random.integer(4) === 0 ? `>${random.pick(TOKENS)}<` : `>${inner}<`)); break;
      default: result = result.slice(0, from) + random.pick(TOKENS) + result.slice(from);
    }
  }
  return result;
}

/** Everything that an answer may be read as. */
function readAll(answer: XmlElement): void {
  readDeviceInformation(answer);
  const time = readDeviceTime(answer);
  assert.ok(time === undefined || Number.isFinite(new Date(time).getTime()));
  for (const { address: named } of [...readServices(answer), ...readCapabilities(answer)]) attempt(() => { assert.is(serviceUrl(named, address).hostname, '127.0.0.1'); });
  for (const service of ['media', 'media2'] as const) {
    const profiles = readProfiles(answer, service);
    for (const wanted of ['main', 'sub', 'profile_1']) attempt(() => { chooseProfile(profiles, wanted, 'cam'); });
  }
  attempt(() => { assert.is(mediaUrl(uriIn(answer, 'cam'), address, ['rtsp:', 'rtsps:', 'http:', 'https:']).hostname, '127.0.0.1'); });
  readPtzStatus(answer);
  readPresets(answer);
  readMotion(answer);
  attempt(() => { readSubscription(answer, 'cam'); });
}

/** Runs it; anything but an error of the face is one of the test. */
function attempt(work: () => void): string {
  try {
    work();
    return 'read';
  } catch (error) {
    if (error instanceof PlatformError && NAMED.includes(error.code)) return error.code;
    throw error;
  }
}

test('no answer of a device does anything but be read or refused by name, in bounded time', async () => {
  const outcomes = new Map<string, number>();
  let slowestMs = 0;
  await forEachCase('soap', random => {
    for (let each = 0; each < CASES_A_CASE; each += 1) {
      const text = damaged(random.pick(ANSWERS), random);
      const startMs = performance.now();
      const outcome = attempt(() => { const answer = readSoap(text, 'cam'); if (answer) readAll(answer); });
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  });
  console.log(`onvif soap: seed ${FUZZ_SEED}, ${FUZZ_CASES * CASES_A_CASE} answers, ${JSON.stringify([...outcomes])}, slowest ${slowestMs.toFixed(1)} ms`);
  assert.ok(slowestMs < LIMIT_MS, `one took ${slowestMs} ms`);
  if (FUZZ_CASES >= 50) for (const name of ['read', 'ONVIF_INVALID', 'ONVIF_REFUSED', 'SOURCE_REFUSED']) assert.ok(outcomes.has(name), `nothing ended as ${name}`);
});

test('no datagram does anything to a discovery but be read or refused by name', async () => {
  const [probe = ''] = probes(['aaaa', 'bbbb']);
  const answer = probeMatch(probe, traits, 'hall');
  const outcomes = new Map<string, number>();
  await forEachCase('discovery', random => {
    for (let each = 0; each < CASES_A_CASE; each += 1) {
      const text = random.integer(20) === 0 ? Buffer.from(random.bytes(random.integer(200))).toString() : damaged(answer, random);
      const outcome = attempt(() => {
        for (const device of readProbeMatches(text, '10.0.0.1', ['aaaa', 'bbbb'])) {
          assert.ok(device.name.length <= 256 && device.id.length <= 256);
          parseOnvifUri(device.uri); // what is found can be added
        }
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  });
  console.log(`onvif discovery: seed ${FUZZ_SEED}, ${FUZZ_CASES * CASES_A_CASE} datagrams, ${JSON.stringify([...outcomes])}`);
  if (FUZZ_CASES >= 50) for (const name of ['read', 'ONVIF_INVALID']) assert.ok(outcomes.has(name), `nothing ended as ${name}`);
});

test('no challenge of a login does anything but be answered or left', async () => {
  let answered = 0;
  await forEachCase('digest', random => {
    for (let each = 0; each < CASES_A_CASE; each += 1) {
      const header = damaged('Digest realm="cam", qop="auth,auth-int", nonce="abc", opaque="x", algorithm=SHA-256', random);
      const line = digestAnswer([header], { user: 'us"er\n', password: 'pä' }, '/onvif');
      if (line !== undefined) { answered += 1; assert.match(line, /^[\x20-\x7e\x80-\xff]*$/); }
    }
  });
  if (FUZZ_CASES >= 50) assert.ok(answered > FUZZ_CASES, String(answered));
});

test('over the network too, and no connection is left', async () => {
  let text = '';
  const camera = await startOnvifCamera({ answers: operation => (operation === 'Damaged' ? text : undefined) });
  const never = new AbortController().signal;
  const device: OnvifDevice = await connectOnvif({ ...parseOnvifUri(`onvif://127.0.0.1:${camera.port}`), clock: systemClock }, never);
  try {
    await forEachCase('http', async random => {
      text = damaged(random.pick(ANSWERS), random);
      const error = await device.ask(contentOf(undefined, '<Damaged xmlns="x"/>'), never).then(readAll, (failure: unknown) => failure);
      assert.ok(error === undefined || (error instanceof PlatformError && NAMED.includes(error.code)), String(error));
    });
    assert.ok(camera.mostConnections <= 2, String(camera.mostConnections));
  } finally {
    await camera.close();
  }
});

test('no bytes on the connection do anything but be read or refused by name, and no connection is left', async () => {
  let sent = Buffer.alloc(0);
  const open = new Set<Socket>();
  const server = createServer(socket => {
    open.add(socket);
    socket.on('error', () => { /* the other side left */ }).on('close', () => open.delete(socket));
    socket.once('data', () => { socket.end(sent); });
  });
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const outcomes = new Map<string, number>();
  const never = new AbortController().signal;
  await forEachCase('bytes', async random => {
    const body = random.pick(ANSWERS);
    const head = random.pick([`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', 'Content-Type: text/xml; charset=gb18030', 'WWW-Authenticate: Digest realm="a", nonce="b"\r\nWWW-Authenticate: Basic']);
    const text = random.integer(4) === 0 ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n` : `HTTP/1.1 ${random.pick(['200 OK', '400 Bad', '401 No', '500 Oops', '302 Found'])}\r\n${head}\r\n\r\n${body}`;
    sent = Buffer.from(random.integer(5) === 0 ? random.bytes(random.integer(300)) : Buffer.from(damaged(text, random)));
    const error = await connectOnvif({ ...parseOnvifUri(`onvif://a:b@127.0.0.1:${port}`), clock: systemClock, limitMs: LIMIT_MS }, never).then(() => undefined, (failure: unknown) => failure);
    if (error !== undefined && !(error instanceof PlatformError && [...NAMED, 'SOURCE_UNREACHABLE'].includes(error.code))) throw error;
    const outcome = error === undefined ? 'connected' : (error as PlatformError).code;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    assert.ok(open.size <= 8, `${open.size} connections`);
  });
  await new Promise(resolve => { server.close(resolve); });
  await eventually(() => open.size === 0, 'all connections end');
  console.log(`onvif bytes: seed ${FUZZ_SEED}, ${FUZZ_CASES} answers, ${JSON.stringify([...outcomes])}`);
  if (FUZZ_CASES >= 50) for (const name of ['ONVIF_INVALID', 'SOURCE_UNREACHABLE']) assert.ok(outcomes.has(name), `nothing ended as ${name}`);
});

test.run();
