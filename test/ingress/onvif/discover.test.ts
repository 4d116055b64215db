import { createSocket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { discoverOnvif } from '../../../src/ingress/onvif/discover.ts';
import { probes, readProbeMatches } from '../../../src/ingress/onvif/probe-messages.ts';
import { probeMatch } from '../../support/onvif-answers.ts';
import { startOnvifCamera } from '../../support/onvif-camera.ts';

const never = new AbortController().signal;

test('cameras on the network are found once each, with what they call themselves', async () => {
  const one = await startOnvifCamera({ isDiscoverable: true, location: 'gate/north', information: { Manufacturer: 'Sim', Model: 'Büro Cam', FirmwareVersion: '1', SerialNumber: '7', HardwareId: 'H-1' } });
  const two = await startOnvifCamera({ isDiscoverable: true, namedHost: '192.0.2.9:8000' });
  try {
    const { devices, unreadable } = await discoverOnvif({ forMs: 1_200, clock: systemClock }, never);
    assert.is(unreadable, 0);
    const mine = devices.filter(({ id }) => id === `urn:uuid:${one.traits.uuid}` || id === `urn:uuid:${two.traits.uuid}`);
    assert.is(mine.length, 2, JSON.stringify(devices));
    assert.ok(one.probed > 1, 'it was asked more than once');
    const found = mine.find(({ id }) => id === `urn:uuid:${one.traits.uuid}`);
    assert.equal([found?.name, found?.hardware, found?.location], ['Büro Cam', 'H-1', 'gate/north']);
    assert.match(found?.uri ?? '', new RegExp(`^onvif://[0-9.]+:${one.port}/$`));
    const other = mine.find(({ id }) => id === `urn:uuid:${two.traits.uuid}`);
    assert.match(other?.uri ?? '', /^onvif:\/\/(?!192\.0\.2\.9)[0-9.]+:8000\/$/);
    assert.equal(other?.addresses, ['http://192.0.2.9:8000/onvif/device_service']);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test('answers that make no sense are counted and hurt nobody', async () => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>(resolve => { socket.bind(3702, resolve); });
  socket.addMembership('239.255.255.250');
  socket.on('message', (_message, { port, address }) => { for (const text of ['', 'x', '<a/>', '<Envelope><Body/></Envelope>', '<!DOCTYPE a><a/>']) socket.send(text, port, address); });
  const camera = await startOnvifCamera({ isDiscoverable: true });
  try {
    const { devices, unreadable } = await discoverOnvif({ forMs: 700, clock: systemClock }, never);
    assert.ok(unreadable >= 5, String(unreadable));
    assert.ok(devices.some(({ id }) => id === `urn:uuid:${camera.traits.uuid}`));
  } finally {
    socket.close();
    await camera.close();
  }
});

test('a discovery ends at once when it is no longer wanted, and an unknown interface is named', async () => {
  const leaving = new AbortController();
  const looking = discoverOnvif({ forMs: 60_000, clock: systemClock }, leaving.signal);
  leaving.abort(new Error('leaving'));
  await looking.then(() => assert.unreachable(), (error: unknown) => assert.match(String(error), 'leaving'));
  await discoverOnvif({ networkInterface: 'nope0', clock: systemClock }, never).then(() => assert.unreachable(), (error: unknown) => {
    assert.is((error as PlatformError).code, 'REQUEST_INVALID');
    assert.match(String(error), /no network interface 'nope0' \(known: lo/);
  });
});

test('one interface alone is asked when it is named', async () => {
  const { askedFrom } = await discoverOnvif({ forMs: 100, networkInterface: 'lo', clock: systemClock }, never);
  assert.equal(askedFrom, ['127.0.0.1']);
});

test('answers to others and answers without an address are no devices', async () => {
  const camera = await startOnvifCamera();
  const [probe = ''] = probes(['aaaa', 'bbbb']);
  const answer = probeMatch(probe, camera.traits, 'x');
  assert.is(readProbeMatches(answer, '127.0.0.1', ['aaaa', 'bbbb']).length, 1);
  assert.is(readProbeMatches(answer, '127.0.0.1', ['cccc']).length, 0);
  assert.is(readProbeMatches(answer.replace(/<d:XAddrs>[^<]*/, '<d:XAddrs>javascript:alert(1) ftp://x/ http://['), '127.0.0.1', ['aaaa']).length, 0);
  await camera.close();
});

test.run();
