import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.ts';
import { formatFindings } from '../../src/cli/ask-camera.ts';
import { formatDevices } from '../../src/cli/discovered-text.ts';
import { startOnvifCamera, type OnvifCamera } from '../support/onvif-camera.ts';
import { runVto } from '../support/vto-process.ts';
import { withGateway } from '../support/with-gateway.ts';

test('vto cameras discover finds a camera of the network, as a table and as JSON', async () => {
  const camera = await startOnvifCamera({ isDiscoverable: true, location: 'north gate' });
  try {
    const { code, stdout, stderr } = await runVto(['cameras', 'discover', '--seconds', '1']);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^URI +NAME +HARDWARE +LOCATION\n/);
    assert.match(stdout, new RegExp(`^onvif://[0-9.]+:${camera.port}/ +Sim Cam 1 +SIM +north gate$`, 'm'));
    const { devices } = JSON.parse((await runVto(['cameras', 'discover', '--seconds', '1', '--json'])).stdout) as { readonly devices: readonly { readonly id: string; readonly uri: string }[] };
    assert.ok(devices.some(({ id }) => id === `urn:uuid:${camera.traits.uuid}`));
  } finally {
    await camera.close();
  }
});

async function adding(camera: OnvifCamera, login: string, ...flags: readonly string[]): Promise<{ readonly text: string; readonly added: number; readonly uri: unknown }> {
  let result = { text: '', added: 0, uri: undefined as unknown };
  await withGateway({}, async ({ port, backend }) => {
    const { code, stdout, stderr } = await runVto(['cameras', 'add', `onvif://${login}@127.0.0.1:${camera.port}?profile=sub`, '--url', `http://127.0.0.1:${port}`, ...flags]);
    result = { text: code === 0 ? stdout : `${String(code)} ${stderr}`, added: backend.views.length, uri: backend.views[0]?.label };
  });
  return result;
}

test('a camera whose clock is an hour off and whose firmware is odd is added, and says both', async () => {
  const camera = await startOnvifCamera({ login: 'ws-security', clockOffsetMs: 3_600_000, information: { Manufacturer: 'Acme', Model: 'C\u001b[31m1', FirmwareVersion: '007', SerialNumber: '1e5', HardwareId: 'H' } });
  try {
    const { text, added } = await adding(camera, 'admin:secret', '--id', 'gate');
    assert.match(text, 'Acme C [31m1, firmware 007, serial number 1e5\n');
    assert.match(text, 'profile profile_2 (subStream): H264 640x360, rtsp://127.0.0.1:8554/sub\n');
    assert.match(text, 'turns; tells of motion\n');
    assert.match(text, 'its clock is 1 h 0 min ahead: requests allow for that');
    assert.match(text, /^gate$/m);
    assert.is(added, 1);
    assert.not.match(text, 'secret');
    const { onvif } = JSON.parse((await adding(camera, 'admin:secret', '--json')).text) as { readonly onvif: { readonly device: { readonly firmwareVersion: string } } };
    assert.is(onvif.device.firmwareVersion, '007');
  } finally {
    await camera.close();
  }
});

test('a wrong password and what is no camera are said, and nothing is added', async () => {
  const camera = await startOnvifCamera({ login: 'digest' });
  try {
    const wrong = await adding(camera, 'admin:wrong');
    assert.match(wrong.text, /SOURCE_REFUSED: onvif:\/\/127\.0\.0\.1:\d+\/\?profile=sub refused user and password/);
    assert.is(wrong.added, 0);
    camera.fault = 'html';
    const other = await adding(camera, 'admin:secret');
    assert.match(other.text, 'ONVIF_INVALID');
    assert.is(other.added, 0);
    camera.fault = 'closing';
    const away = await adding(camera, 'admin:secret');
    assert.match(away.text, 'it cannot be reached from here');
    assert.is(away.added, 1);
  } finally {
    await camera.close();
  }
});

test('the arguments are checked', () => {
  const action = (...args: readonly string[]): unknown => { const { command, ...rest } = parseArguments(['cameras', ...args], '/tmp'); return 'action' in rest ? rest.action : command; };
  assert.equal(action('discover'), { type: 'discover', seconds: 3 });
  assert.equal(action('discover', '--seconds', '10', '--interface', 'eth0'), { type: 'discover', seconds: 10, networkInterface: 'eth0' });
  assert.equal(action('add', 'onvif://u:p@10.0.0.1?profile=sub'), { type: 'add', body: { id: '10-0-0-1', uri: 'onvif://u:p@10.0.0.1/?profile=sub' } });
  assert.equal(action('add', 'onvif://u:p@h', '--id', 'gate'), { type: 'add', body: { id: 'gate', uri: 'onvif://u:p@h' } });
  assert.throws(() => action('add', 'a=onvif://h', '--id', 'b'), /given twice/);
  assert.throws(() => action('discover', 'x'), /takes no camera/);
  assert.throws(() => action('list', '--seconds', '3'), /--seconds is for vto cameras discover/);
  assert.throws(() => action('change', 'a', '--id', 'b'), /--id is for vto cameras add/);
});

test('the texts say what is not there', () => {
  assert.match(formatDevices([], 2), /no ONVIF camera answered.*\n2 answers could not be read$/s);
  const text = formatFindings({ device: { manufacturer: '', model: '', firmwareVersion: '', serialNumber: '', hardwareId: '' }, clockOffsetMs: null, profile: { token: 't', name: 'n', encoding: undefined, width: 0, height: 0 }, stream: 'rtsp://h/', hasPtz: false, hasEvents: false });
  assert.is(text, 'unknown, firmware unknown, serial number unknown\nprofile t (n): unknown 0x0, rtsp://h/\ndoes not turn; has no events\nit does not tell the time');
});

test.run();
