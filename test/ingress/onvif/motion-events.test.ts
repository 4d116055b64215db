import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { connectOnvif, type OnvifDevice } from '../../../src/ingress/onvif/connect-onvif.ts';
import { mediaProfiles, type MediaProfile } from '../../../src/ingress/onvif/media-profiles.ts';
import { followMotion, readMotion, type MotionMessage } from '../../../src/ingress/onvif/motion-events.ts';
import { parseOnvifUri } from '../../../src/ingress/onvif/onvif-uri.ts';
import { parseXml } from '../../../src/ingress/onvif/xml.ts';
import { eventually } from '../../support/eventually.ts';
import { startOnvifCamera, type OnvifCamera, type OnvifCameraOptions } from '../../support/onvif-camera.ts';

const never = new AbortController().signal;

interface Following { readonly camera: OnvifCamera; readonly seen: MotionMessage[]; readonly lost: unknown[]; readonly over: AbortController; readonly following: Promise<void>; isOver: boolean }

async function following(options: OnvifCameraOptions, use: (world: Following) => Promise<void>, change: (profile: MediaProfile) => MediaProfile = profile => profile): Promise<void> {
  const camera = await startOnvifCamera({ login: 'ws-security', ...options });
  const connect = (signal: AbortSignal): Promise<OnvifDevice> => connectOnvif({ ...parseOnvifUri(`onvif://admin:secret@127.0.0.1:${camera.port}`), clock: systemClock }, signal);
  const device = await connect(never);
  const profiles = await mediaProfiles(device, never);
  const [profile] = profiles;
  if (!profile) throw new Error('no profile');
  const over = new AbortController();
  const [seen, lost]: [MotionMessage[], unknown[]] = [[], []];
  const work = followMotion({ device, connect, profile: change(profile), profiles: [...profiles, change(profile)], onMotion: message => { seen.push(message); }, onLost: error => { lost.push(error); } }, over.signal);
  const world: Following = { camera, seen, lost, over, following: work, isOver: false };
  void work.then(() => { world.isOver = true; });
  try {
    await use(world);
  } finally {
    over.abort();
    await work;
    await camera.close();
  }
}

test('motion is told of as it begins, and the subscription is given back at the end', () => following({}, async ({ camera, seen, over, following: work }) => {
  await eventually(() => camera.requests.at(-1)?.operation === 'PullMessages', 'a pull');
  assert.match(camera.requests.at(-1)?.body ?? '', '<Timeout>PT15S</Timeout>');
  camera.move(true);
  camera.move(false);
  await eventually(() => seen.length === 1, 'the motion');
  assert.equal(seen, [{ topic: 'tns1:RuleEngine/CellMotionDetector/Motion', isMotion: true, tokens: ['vsc_1'] }]);
  camera.move(true);
  await eventually(() => seen.length === 2, 'the next motion');
  over.abort();
  await work;
  assert.is(camera.subscriptions, 0);
}));

test('a camera that forgot the subscription is subscribed to again', () => following({}, async ({ camera, seen, lost }) => {
  await eventually(() => camera.requests.at(-1)?.operation === 'PullMessages', 'a pull');
  camera.restart();
  await eventually(() => lost.length === 1, 'the loss');
  await eventually(() => camera.requests.filter(({ operation }) => operation === 'CreatePullPointSubscription').length === 2, 'a new subscription');
  camera.move(true);
  await eventually(() => seen.length === 1, 'the motion');
}));

test('a camera whose clock was set meanwhile is asked by its new clock', () => following({}, async ({ camera, seen, lost }) => {
  await eventually(() => camera.requests.at(-1)?.operation === 'PullMessages', 'a pull');
  camera.setClock(7_200_000);
  camera.restart();
  await eventually(() => lost.length === 2, 'the loss, and the refusal of the new subscription', 10_000);
  await eventually(() => camera.subscriptions === 1, 'a new subscription', 10_000);
  camera.move(true);
  await eventually(() => seen.length === 1, 'the motion');
}));

test('a camera without events is not asked for them', () => following({ hasEvents: false }, async world => {
  await eventually(() => world.isOver, 'the end');
  assert.equal(world.camera.requests.filter(({ operation }) => /Subscription|Pull/.test(operation)), []);
}));

test('a camera that answers at once is not asked without a pause', () => following({ answers: operation => (operation === 'PullMessages' ? '<Envelope><Body><PullMessagesResponse/></Body></Envelope>' : undefined) }, async ({ camera }) => {
  const pulls = (): number => camera.requests.filter(({ operation }) => operation === 'PullMessages').length;
  const startMs = performance.now();
  await eventually(() => pulls() === 2, 'two pulls');
  assert.ok(performance.now() - startMs > 900, `after ${performance.now() - startMs} ms`);
}));

test('motion on another channel of a recorder is not this camera\'s', () => following({}, async ({ camera, seen }) => {
  await eventually(() => camera.requests.at(-1)?.operation === 'PullMessages', 'a pull');
  camera.move(true);
  await eventually(() => camera.requests.filter(({ operation }) => operation === 'PullMessages').length === 2, 'the next pull');
  assert.equal(seen, []);
}, profile => ({ ...profile, sourceToken: 'other', sourceConfigurationToken: 'vsc_2' })));

const message = (topic: string, item: string, operation = 'Changed'): string => `<w:NotificationMessage><w:Topic>${topic}</w:Topic><w:Message><tt:Message PropertyOperation="${operation}"><tt:Source><tt:SimpleItem Name="Source" Value="v1"/></tt:Source><tt:Data>${item}</tt:Data></tt:Message></w:Message></w:NotificationMessage>`;

test('the topics of motion are known by their names and items, others are left out', () => {
  const read = (topic: string, item: string, operation?: string): readonly (boolean)[] => readMotion(parseXml(`<r>${message(topic, item, operation)}</r>`)).map(({ isMotion }) => isMotion);
  const state = (value: string): string => `<tt:SimpleItem Name="State" Value="${value}"/>`;
  assert.equal(read('tns1:VideoSource/MotionAlarm', state('true')), [true]);
  assert.equal(read('tns1:VideoSource/MotionAlarm', state('1'), 'Initialized'), [true]);
  assert.equal(read('tns1:VideoSource/MotionAlarm', state('true'), 'Deleted'), []);
  assert.equal(read('tns1:RuleEngine/CellMotionDetector/Motion', '<tt:SimpleItem Name="IsMotion" Value="false"/>'), [false]);
  assert.equal(read('tns1:RuleEngine/MotionRegionDetector/Motion', state('True')), [true]);
  assert.equal(read('tns1:Device/Trigger/DigitalInput', '<tt:SimpleItem Name="LogicalState" Value="true"/>'), []);
  assert.equal(read('tns1:VideoSource/ImageTooDark/ImagingService', state('true')), []);
  assert.equal(read('tns1:VideoSource/MotionAlarm', '<tt:SimpleItem Name="Else" Value="true"/>'), []);
});

test.run();
