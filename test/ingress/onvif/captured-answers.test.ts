import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { connectOnvif } from '../../../src/ingress/onvif/connect-onvif.ts';
import { readDeviceInformation } from '../../../src/ingress/onvif/device-information.ts';
import { readDeviceTime } from '../../../src/ingress/onvif/device-time.ts';
import { readProfiles, uriIn } from '../../../src/ingress/onvif/media-profiles.ts';
import { readMotion, readSubscription } from '../../../src/ingress/onvif/motion-events.ts';
import { parseOnvifUri } from '../../../src/ingress/onvif/onvif-uri.ts';
import { readProbeMatches } from '../../../src/ingress/onvif/probe-messages.ts';
import { readPresets, readPtzStatus } from '../../../src/ingress/onvif/ptz.ts';
import { readCapabilities, readServices } from '../../../src/ingress/onvif/services.ts';
import { contentOf } from '../../../src/ingress/onvif/write-request.ts';
import type { XmlElement } from '../../../src/ingress/onvif/xml.ts';
import { startOnvifCamera } from '../../support/onvif-camera.ts';
import { sharedData } from '../../support/shared-data.ts';

const folder = sharedData('vectors/onvif');
const never = new AbortController().signal;

/** The templates' own language: a value, and a condition that is taken to be true. */
function filled(text: string): string {
  return text.replace(/\{\{=it\.hostname\}\}/g, '127.0.0.1').replace(/\{\{=it\.port\}\}/g, '8080').replace(/\{\{=it\.pullPointUrl\}\}/g, '/pull/1')
    .replace(/\{\{=new Date[^}]*\}\}/g, '2026-01-01T00:00:00.000Z').replace(/\{\{\?[^}]*\}\}/g, '');
}

/** Names of elements that are not their file's. */
const NAMES: Readonly<Record<string, string>> = { GetCapabilitiesEncoder: 'GetCapabilities', GetVideoSourcesEncoder: 'GetVideoSources', 'device.SendAuxiliaryCommand': 'AuxiliaryCommand' };

/** What is read of those that this platform asks for. */
const READERS: Readonly<Record<string, (answer: XmlElement) => void>> = {
  GetDeviceInformation: answer => assert.equal(readDeviceInformation(answer), { manufacturer: 'Mockup Manufacturer', model: 'Mockup Model', firmwareVersion: 'Mockup_15_14_13', serialNumber: '00000000', hardwareId: 'MOCKUP' }),
  GetSystemDateAndTime: answer => assert.is(readDeviceTime(answer), Date.UTC(2014, 11, 24, 19, 14, 37)),
  GetServices: answer => assert.equal(readServices(answer).map(({ name, version }) => `${name} ${version}`), ['device 2.42', 'media 2.41', 'events 2.40', 'deviceIO 2.20', 'ptz 2.41', 'imaging 2.30']),
  GetCapabilities: answer => assert.equal(readCapabilities(answer).map(({ name }) => name), ['device', 'events', 'imaging', 'media', 'ptz', 'deviceIO']),
  GetCapabilitiesEncoder: answer => assert.ok(readCapabilities(answer).some(({ name, address }) => name === 'events' && address === 'http://192.168.30.65/onvif/event_service')),
  GetProfiles: answer => assert.equal(readProfiles(answer, 'media').map(({ encoding, width, height, sourceToken, ptzToken }) => [encoding, width, height, sourceToken, ptzToken]), [['H264', 1920, 1080, 'vidsrc0', 'default']]),
  GetStreamUri: answer => assert.is(uriIn(answer, 'cam'), 'rtsp://192.168.68.111/h264main'),
  GetSnapshotUri: answer => assert.is(uriIn(answer, 'cam'), 'http://192.168.68.111/onvif-cgi/jpg/image.cgi?resolution=800x600&compression=20&camera=1'),
  GetStatus: answer => assert.equal(readPtzStatus(answer), { pan: -0.864665985, tilt: 0.267444015, zoom: 0.211861998, panTiltState: 'IDLE', zoomState: 'IDLE' }),
  'ptz.GetPresets': answer => { const presets = readPresets(answer); assert.ok(presets.length > 20); assert.equal(presets[6], { token: 'P007', name: 'P007' }); },
  PullMessages: answer => assert.equal(readMotion(answer), Array.from({ length: 2 }, () => ({ topic: 'tns1:RuleEngine/CellMotionDetector/Motion', isMotion: true, tokens: ['000', '000'] }))),
  'events.CreatePullPointSubscription': answer => assert.equal(readSubscription(answer, 'cam'), { href: 'http://127.0.0.1:8080/pull/1', subscriptionId: undefined }),
};

if (folder === undefined) {
  test.skip('captured answers of devices go through the face (skipped: no shared data here)', () => { /* nothing to read */ });
} else {
  const files = readdirSync(folder).filter(name => name.endsWith('.xml'));

  test('all captured answers are there, and so is each that a reader is for', () => {
    assert.is(files.length, 77);
    assert.equal(Object.keys(READERS).filter(name => !files.includes(`${name}.xml`)), []);
  });

  test('each captured answer goes through the face: as what it is, or refused by name', async () => {
    let answer = '';
    const camera = await startOnvifCamera({ answers: operation => (operation === 'Captured' ? answer : undefined), isChunked: true });
    const device = await connectOnvif({ ...parseOnvifUri(`onvif://127.0.0.1:${camera.port}`), clock: systemClock }, never);
    try {
      for (const file of files) {
        const name = file.slice(0, -'.xml'.length);
        answer = filled(readFileSync(join(folder, file), 'utf8'));
        assert.not.match(answer, '{{');
        const asked = device.ask(contentOf(undefined, '<Captured xmlns="test"/>'), never);
        if (name === 'Error') {
          const error = await asked.then(() => undefined, (refusal: unknown) => refusal);
          assert.instance(error, PlatformError);
          assert.is((error as PlatformError).code, 'ONVIF_REFUSED');
          assert.match((error as PlatformError).message, /refused: fault subcode: fault reason$/);
        } else if (name === 'Probe') {
          assert.is((await asked).name, 'ProbeMatches');
        } else {
          const read = await asked;
          assert.is(read.name, `${NAMES[name] ?? name.replace(/^[a-z]+\./, '')}Response`, file);
          READERS[name]?.(read);
        }
      }
    } finally {
      await camera.close();
    }
  });

  test('the captured answer to a probe names its device', () => {
    const text = readFileSync(join(folder, 'Probe.xml'), 'utf8').replace('RELATES_TO', 'urn:uuid:1-2').replace('SERVICE_URI', 'http://192.0.2.5:8000/onvif/device_service http://10.0.0.5/onvif/device_service');
    const [device, ...others] = readProbeMatches(text, '10.0.0.5', ['1-2']);
    assert.equal(others, []);
    assert.is(device?.id, 'uuid:c9790c3a-701b-464d-a189-0060351c8ada');
    assert.equal([device?.name, device?.hardware, device?.location, device?.uri], ['PREDATOR', 'HD_PREDATOR', '', 'onvif://10.0.0.5/']);
    assert.equal(readProbeMatches(text, '10.0.0.5', ['somebody-else']), []);
    assert.is(readProbeMatches(text, '203.0.113.9', ['1-2'])[0]?.uri, 'onvif://203.0.113.9:8000/');
  });
}

test.run();
