import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import type { Source } from '../../src/ingress/source.ts';
import { eventually } from '../support/eventually.ts';
import { fakeMedia, fakeReader, packet, type Step } from '../support/fake-media.ts';
import { startOnvifCamera, type OnvifCamera, type OnvifCameraOptions } from '../support/onvif-camera.ts';

const never = new AbortController().signal;

/** Steps of a session: a key unit and others, then nothing. */
const STEPS: readonly Step[] = [packet(0), packet(1), packet(2), packet(3), 'blocked'];

interface World { readonly camera: OnvifCamera; readonly source: Source; readonly opened: readonly string[] }

async function withSource({ query = '', sourceOptions = {}, readers = 1, ...options }: OnvifCameraOptions & { readonly query?: string; readonly sourceOptions?: object; readonly readers?: number | readonly PlatformError[] }, use: (world: World) => Promise<void>): Promise<void> {
  const camera = await startOnvifCamera({ login: 'ws-security', password: 'se:cr@t', ...options });
  const media = fakeMedia(...typeof readers === 'number' ? Array.from({ length: readers }, () => fakeReader(STEPS)) : readers);
  const source = await createSource({ uri: `onvif://admin:se%3Acr%40t@127.0.0.1:${camera.port}/${query}`, options: { askMs: 500, ...sourceOptions }, media, knock: async () => { /* the fake answers */ }, ctx: { clock: systemClock, random: systemRandom } });
  try {
    await use({ camera, source, opened: media.opened });
  } finally {
    await camera.close();
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => 'nothing', (failure: unknown) => failure);
  return error instanceof PlatformError ? error.code : String(error);
}

test('the stream of the profile is played with the login of the URI, which no label shows', () => withSource({ query: '?profile=sub', namedHost: '192.0.2.7' }, async ({ camera, source, opened }) => {
  assert.is(source.label, `onvif://127.0.0.1:${camera.port}/?profile=sub`);
  const session = await source.open(never);
  assert.equal(opened, ['rtsp://admin:se%3Acr%40t@127.0.0.1:8554/sub']);
  assert.is((await session.next(never))?.isKey, true);
  await session.close();
}));

test('each session asks where the stream is, with one question where nothing else changed', () => withSource({ readers: 2 }, async ({ camera, source, opened }) => {
  await (await source.open(never)).close();
  camera.streams = { profile_1: 'rtsp://127.0.0.1:9000/moved' };
  const before = camera.requests.length;
  await (await source.open(never)).close();
  assert.equal(opened.map(uri => uri.slice(uri.indexOf('@'))), ['@127.0.0.1:8554/main', '@127.0.0.1:9000/moved']);
  assert.equal(camera.requests.slice(before).map(({ operation }) => operation).filter(operation => operation.startsWith('Get')), ['GetStreamUri']);
}));

test('a camera that does not answer over ONVIF is played where it was before', () => withSource({ readers: 2 }, async ({ camera, source, opened }) => {
  await (await source.open(never)).close();
  camera.fault = 'silent';
  await (await source.open(never)).close();
  assert.is(opened[1], opened[0]);
}));

test('a stream that does not open is looked for as a whole the next time', () => withSource({ readers: [new PlatformError('SOURCE_REFUSED', 'no such path', {}), new PlatformError('SOURCE_REFUSED', 'no such path', {})] }, async ({ camera, source }) => {
  assert.is(await codeOf(source.open(never)), 'SOURCE_REFUSED');
  const before = camera.requests.length;
  assert.is(await codeOf(source.open(never)), 'SOURCE_REFUSED');
  assert.equal(camera.requests.slice(before).map(({ operation }) => operation), ['GetSystemDateAndTime', 'GetServices', 'GetProfiles', 'GetStreamUri']);
}));

test('motion that the camera tells of is a hint on the next unit, once', () => withSource({}, async ({ camera, source }) => {
  const session = await source.open(never);
  await eventually(() => camera.requests.at(-1)?.operation === 'PullMessages', 'a pull');
  assert.is((await session.next(never))?.isActivityHint, undefined);
  camera.move(true);
  await eventually(() => camera.requests.filter(({ operation }) => operation === 'PullMessages').length === 2, 'the next pull');
  assert.is((await session.next(never))?.isActivityHint, true);
  assert.is((await session.next(never))?.isActivityHint, undefined);
  await session.close();
  await eventually(() => camera.subscriptions === 0, 'the end of the subscription');
}));

test('motion is not followed where nobody wants it', () => withSource({ sourceOptions: { hasMotionEvents: false } }, async ({ camera, source }) => {
  const session = await source.open(never);
  assert.is((await session.next(never))?.isKey, true);
  assert.equal(camera.requests.map(({ operation }) => operation), ['GetSystemDateAndTime', 'GetServices', 'GetProfiles', 'GetStreamUri']);
  await session.close();
}));

test('a wrong password, an unknown profile and a port that is no device are named', async () => {
  await withSource({ password: 'other' }, async ({ source, opened }) => {
    assert.is(await codeOf(source.open(never)), 'SOURCE_REFUSED');
    assert.equal(opened, []);
  });
  await withSource({ login: 'digest', user: 'somebody-else' }, async ({ source }) => { assert.is(await codeOf(source.open(never)), 'SOURCE_REFUSED'); });
  await withSource({ query: '?profile=nope' }, async ({ source }) => { assert.is(await codeOf(source.open(never)), 'PROFILE_UNKNOWN'); });
  await withSource({}, async ({ camera, source }) => {
    camera.fault = 'html';
    assert.is(await codeOf(source.open(never)), 'ONVIF_INVALID');
  });
  assert.is(await codeOf(createSource({ uri: 'onvif://host/?what=1', media: fakeMedia(), ctx: { clock: systemClock, random: systemRandom } })), 'CONFIG_INVALID');
});

test('opening ends at once when it is no longer wanted', () => withSource({}, async ({ camera, source }) => {
  camera.fault = 'silent';
  const leaving = new AbortController();
  const opening = source.open(leaving.signal);
  leaving.abort(new Error('leaving'));
  assert.match(await codeOf(opening), 'leaving');
}));

test.run();
