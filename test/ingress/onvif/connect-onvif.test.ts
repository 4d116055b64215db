import { createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError, type ErrorCode } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { connectOnvif, type OnvifDevice } from '../../../src/ingress/onvif/connect-onvif.ts';
import { deviceInformation } from '../../../src/ingress/onvif/device-information.ts';
import { chooseProfile, mediaProfiles, snapshotUrl, streamUrl } from '../../../src/ingress/onvif/media-profiles.ts';
import { parseOnvifUri, withLogin } from '../../../src/ingress/onvif/onvif-uri.ts';
import { contentOf } from '../../../src/ingress/onvif/write-request.ts';
import { envelope } from '../../support/onvif-answers.ts';
import { startOnvifCamera, type CameraFault, type OnvifCamera, type OnvifCameraOptions } from '../../support/onvif-camera.ts';

const never = new AbortController().signal;

function connect(camera: { readonly port: number }, login = 'admin:secret', limitMs = 4_000): Promise<OnvifDevice> {
  return connectOnvif({ ...parseOnvifUri(`onvif://${login}@127.0.0.1:${camera.port}`), clock: systemClock, limitMs }, never);
}

async function withCamera(options: OnvifCameraOptions, use: (camera: OnvifCamera) => Promise<void>): Promise<void> {
  const camera = await startOnvifCamera(options);
  try {
    await use(camera);
  } finally {
    await camera.close();
  }
}

async function fails(work: Promise<unknown>, code: ErrorCode, says?: RegExp): Promise<void> {
  const error = await work.then(() => undefined, (failure: unknown) => failure);
  assert.instance(error, PlatformError, String(error));
  assert.is((error as PlatformError).code, code, (error as Error).message);
  if (says) assert.match((error as PlatformError).message, says);
}

for (const login of ['ws-security', 'digest'] as const) {
  test(`with the right login over ${login} everything is told`, () => withCamera({ login, hasMedia2: login === 'digest', user: 'us<er&', password: 'p"ä:ss', isChunked: true }, async camera => {
    const device = await connect(camera, 'us<er&:p"ä:ss');
    assert.equal(device.services.map(({ name }) => name), login === 'digest' ? ['device', 'media', 'media2', 'ptz', 'events'] : ['device', 'media', 'ptz', 'events']);
    assert.ok(Math.abs(device.clockOffsetMs ?? Infinity) < 2_000);
    const profiles = await mediaProfiles(device, never);
    assert.equal(profiles.map(({ token, encoding, width, height, framesPerSecond, ptzToken, sourceToken }) => ({ token, encoding, width, height, framesPerSecond, ptzToken, sourceToken })), [
      { token: 'profile_1', encoding: login === 'digest' ? 'H265' : 'H264', width: 1920, height: 1080, framesPerSecond: 25, ptzToken: 'ptz_1', sourceToken: 'source_1' },
      { token: 'profile_2', encoding: login === 'digest' ? 'H265' : 'H264', width: 640, height: 360, framesPerSecond: 15, ptzToken: 'ptz_1', sourceToken: 'source_1' },
    ]);
    const sub = chooseProfile(profiles, 'sub', device.label);
    assert.is(withLogin(await streamUrl(device, sub, never), device.login), 'rtsp://us%3Cer%26:p%22%C3%A4%3Ass@127.0.0.1:8554/sub');
    assert.is((await snapshotUrl(device, sub, never)).href, `http://127.0.0.1:${camera.port}/snap.jpg?profile=profile_2`);
  }));

  test(`a wrong password over ${login} is said as such, and is not tried again and again`, () => withCamera({ login }, async camera => {
    await fails(connect(camera, 'admin:wrong').then(device => mediaProfiles(device, never)), 'SOURCE_REFUSED', login === 'digest' ? /refused user and password/ : /NotAuthorized/);
    await fails(connectOnvif({ ...parseOnvifUri(`onvif://127.0.0.1:${camera.port}`), clock: systemClock }, never).then(device => mediaProfiles(device, never)), 'SOURCE_REFUSED');
    assert.ok(camera.requests.length < 12, `${camera.requests.length} requests`);
  }));
}

for (const hours of [1, -1, -24 * 365 * 50]) {
  test(`a camera whose clock is ${hours} h off is asked by its own clock`, () => withCamera({ login: 'ws-security', clockOffsetMs: hours * 3_600_000 }, async camera => {
    const device = await connect(camera);
    assert.ok(Math.abs((device.clockOffsetMs ?? 0) - hours * 3_600_000) < 2_000, String(device.clockOffsetMs));
    assert.is((await deviceInformation(device, never)).model, 'Sim Cam 1');
    await fails(connect(camera, 'admin:wrong').then(wrong => deviceInformation(wrong, never)), 'SOURCE_REFUSED', hours > 0 ? /its clock is 3\d{3} s ahead/ : /its clock is \d+ s behind/);
  }));
}

test('what a device says it is comes exactly as it sent it', () => withCamera({
  information: { Manufacturer: '', Model: ' <b>&"\'ü€ ', FirmwareVersion: '1', SerialNumber: '007', HardwareId: '2024-01-01T00:00:00Z' },
}, async camera => {
  assert.equal(await deviceInformation(await connect(camera), never), { manufacturer: '', model: ' <b>&"\'ü€ ', firmwareVersion: '1', serialNumber: '007', hardwareId: '2024-01-01T00:00:00Z' });
}));

for (const firmware of ['1.10', '0x1F', '1e5', 'true', 'V5.5.0 build 180725', '２.0版', '00.00.007', 'NaN', '-0', '{"a":1}', '../../etc/passwd', 'a\tb\nc', '\u{1F3A5}']) {
  test(`firmware ${JSON.stringify(firmware)} stays a text`, () => withCamera({ information: { Manufacturer: 'M', Model: 'M', FirmwareVersion: firmware, SerialNumber: '42', HardwareId: 'true' } }, async camera => {
    const { firmwareVersion, serialNumber, hardwareId } = await deviceInformation(await connect(camera), never);
    assert.equal([firmwareVersion, serialNumber, hardwareId], [firmware, '42', 'true']);
  }));
}

test('addresses that cannot be reached are asked at the host that answered', () => withCamera({ namedHost: '192.0.2.7:8080', hasMedia2: true }, async camera => {
  const device = await connect(camera);
  assert.is(device.services[0]?.address, 'http://192.0.2.7:8080/onvif/device_service');
  const [main] = await mediaProfiles(device, never);
  if (!main) throw new Error('no profile');
  assert.is((await streamUrl(device, main, never)).href, 'rtsp://127.0.0.1:8554/main');
  assert.is(camera.requests.at(-1)?.path, '/onvif/media2');
}));

test('a device with HTTPS is asked over it alone, its own certificate and names with HTTP notwithstanding', () => withCamera({ isSecure: true, login: 'digest' }, async camera => {
  const uri = parseOnvifUri(`onvif://admin:secret@127.0.0.1:${camera.port}`);
  const device = await connectOnvif({ ...uri, address: { ...uri.address, isSecure: true }, clock: systemClock }, never);
  assert.match(device.services[0]?.address ?? '', /^http:/);
  assert.is((await mediaProfiles(device, never)).length, 2);
  await fails(connect(camera), 'SOURCE_UNREACHABLE'); // HTTP to a port that speaks TLS
}));

test('a host name is looked up by the book of addresses that is given', () => withCamera({}, async camera => {
  const asked: string[] = [];
  const device = await connectOnvif({
    ...parseOnvifUri(`onvif://camera.test:${camera.port}`), clock: systemClock,
    lookup: (name, _options, callback) => { asked.push(name); callback(null, [{ address: '127.0.0.1', family: 4 }]); },
  }, never);
  assert.is((await mediaProfiles(device, never)).length, 2);
  assert.equal([...new Set(asked)], ['camera.test']);
}));

test('a device from before GetServices is asked for its capabilities', () => withCamera({ isOld: true }, async camera => {
  const device = await connect(camera);
  assert.equal(device.services.map(({ name }) => name), ['device', 'media', 'ptz', 'events']);
  assert.is((await mediaProfiles(device, never)).length, 2);
}));

test('a service that is not there is said so, with those that are', () => withCamera({ hasPtz: false }, async camera => {
  const device = await connect(camera);
  assert.not.ok(device.has('ptz'));
  await fails(device.ask(contentOf('search', '<x/>'), never), 'ONVIF_UNSUPPORTED', /no service 'search' \(it has: device, media, events\)/);
}));

test('a device that names Media2 and does not have it is asked by Media', () => withCamera({ hasMedia2: true, answers: () => undefined }, async camera => {
  const device = await connect(camera);
  const profiles = await mediaProfiles({ ...device, ask: (writing, signal, how) => (how?.isMedia2 ? Promise.reject(new PlatformError('ONVIF_REFUSED', 'no', { fault: 'ActionNotSupported' })) : device.ask(writing, signal, how)) }, never);
  assert.equal(profiles.map(({ service, encoding }) => [service, encoding]), [['media', 'H264'], ['media', 'H264']]);
}));

const FAULTS: readonly (readonly [fault: CameraFault, code: ErrorCode, says: RegExp])[] = [
  ['silent', 'SOURCE_UNREACHABLE', /did not answer within 300 ms/], ['trickle', 'SOURCE_UNREACHABLE', /did not answer within 300 ms/],
  ['garbage', 'ONVIF_INVALID', /no HTTP/], ['html', 'ONVIF_INVALID', /no SOAP/], ['huge', 'ONVIF_INVALID', /more than \d+ bytes/],
  ['bomb', 'ONVIF_INVALID', /document type/], ['closing', 'SOURCE_UNREACHABLE', /cannot be reached/],
];

for (const [fault, code, says] of FAULTS) {
  test(`a device that is ${fault} is named as what it is, and no connection is left`, () => withCamera({}, async camera => {
    camera.fault = fault;
    await fails(connect(camera, 'admin:secret', fault === 'huge' ? 4_000 : 300), code, says);
    for (let tries = 0; camera.connections > 0 && tries < 200; tries += 1) await new Promise(resolve => { setTimeout(resolve, 10); });
    assert.is(camera.connections, 0);
    assert.ok(camera.mostConnections <= 1, String(camera.mostConnections));
  }));
}

test('a port where nobody listens is unreachable', async () => {
  const server = createServer();
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as { port: number };
  await new Promise(resolve => { server.close(resolve); });
  await fails(connect({ port }), 'SOURCE_UNREACHABLE', /ECONNREFUSED/);
});

test('a fault is told with its code and reason, and without credentials', () => withCamera({ answers: operation => (operation === 'GetProfiles' ? envelope('<s:Fault><faultcode>ter:Busy</faultcode><faultstring>try rtsp://u:pw@h/ later</faultstring></s:Fault>') : undefined) }, async camera => {
  await fails(connect(camera).then(device => mediaProfiles(device, never)), 'ONVIF_REFUSED', /refused: Busy: try rtsp:\/\/h\/ later/);
}));

test('a request is given up when its signal aborts', () => withCamera({}, async camera => {
  const device = await connect(camera);
  camera.fault = 'silent';
  const leaving = new AbortController();
  const asked = mediaProfiles(device, leaving.signal);
  leaving.abort(new Error('leaving'));
  await asked.then(() => assert.unreachable(), (error: unknown) => assert.match(String(error), 'leaving'));
}));

test('profiles are chosen by size, token and name, and an unknown one lists those there are', () => {
  const profile = (token: string, width: number, encoding: string | null = 'H264', sourceToken = 's1') => ({
    token, name: `name of ${token}`, service: 'media' as const, encoding: encoding ?? undefined, width, height: width / 2, framesPerSecond: 25, kilobitsPerSecond: 1, sourceToken, sourceConfigurationToken: undefined, analyticsToken: undefined, ptzToken: undefined,
  });
  const all = [profile('tiny', 320), profile('jpeg', 4000, 'JPEG'), profile('big', 1920), profile('middle', 640), profile('other', 8000, 'H265', 's2'), profile('metadata', 0, null)];
  assert.is(chooseProfile(all, 'main', 'cam').token, 'big');
  assert.is(chooseProfile(all, 'sub', 'cam').token, 'tiny');
  assert.is(chooseProfile(all, 'other', 'cam').token, 'other');
  assert.is(chooseProfile(all, 'name of middle', 'cam').token, 'middle');
  assert.is(chooseProfile([profile('main', 10), profile('big', 20)], 'main', 'cam').token, 'main');
  assert.throws(() => chooseProfile(all, 'x', 'cam'), /cam has no profile 'x' \(known: tiny \(H264 320x160\)/);
  assert.throws(() => chooseProfile([profile('big', 1920)], 'sub', 'cam'), /no second stream/);
  assert.throws(() => chooseProfile([], 'main', 'cam'), /no stream \(known: none\)/);
});

test('URIs of devices are read, and refused without telling their login', () => {
  const { address, login, profile, label } = parseOnvifUri('onvif://ad%40min:p@ss/w?rd@Cam-1.lan:8000/?profile=sub');
  assert.equal({ address, login, profile, label }, {
    address: { host: 'Cam-1.lan', port: 8000, isSecure: false, path: '/onvif/device_service' }, login: { user: 'ad@min', password: 'p@ss/w?rd' }, profile: 'sub', label: 'onvif://Cam-1.lan:8000/?profile=sub',
  });
  assert.equal(parseOnvifUri('onvif://[::1]:443/onvif/x').address, { host: '[::1]', port: 443, isSecure: true, path: '/onvif/x' });
  assert.is(parseOnvifUri('onvif://10.0.0.1').address.port, 80);
  for (const uri of ['onvif://', 'rtsp://u:secret@h/', 'onvif://u:secret@h:99999/', 'onvif://u:secret@h/?x=1', 'onvif://u:secret@h/?profile=', 'onvif://%ff:secret@h/']) {
    try {
      parseOnvifUri(uri);
      assert.unreachable(uri);
    } catch (error) {
      assert.is((error as PlatformError).code, 'CONFIG_INVALID', String(error));
      assert.not.match(String(error), 'secret');
    }
  }
});

test.run();
