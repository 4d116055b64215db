import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { SampleSettings } from '../../src/ingress/sample-meaning.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { encodeGrey16, fffFile, grey16, radiometricJpeg, samplesIn } from '../support/grey16.ts';
import { sharedData } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const signal = new AbortController().signal;
const picture = grey16(64, 32, (index) => 2600 + index);
const fff = fffFile({ ...picture, image: samplesIn('little', picture) });
const jpeg = encodeClip('mjpeg', { frames: 1, size: '64x32' }).units[0]!.data;

async function unitsOf(uri: string, options: object, samples?: SampleSettings, most = Infinity): Promise<{ readonly units: readonly SourceUnit[]; readonly unreadable: number; readonly expected: number | null }> {
  const source = await createSource({ uri, options: { isPaced: false, ...options }, media: libavAccess, ctx: { clock: fakeClock(), random: seededRandom(1) }, samples });
  const session = await source.open(signal);
  const units: SourceUnit[] = [];
  while (units.length < most) {
    const unit = await session.next(signal);
    if (unit === undefined) break;
    units.push(unit);
  }
  const { unreadablePackets, expectedUnits } = session;
  await session.close();
  return { units, unreadable: unreadablePackets, expected: expectedUnits };
}

function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = join(temporaryFolder(), 'pictures');
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

test('reads every kind of picture in natural order, byte for byte, and says when what they are changes', async () => {
  const files = {
    'depth 2.png': encodeGrey16('png', picture), 'depth 10.png': encodeGrey16('png', picture), 'flir 1.fff': fff, 'flir 2.JPG': radiometricJpeg(jpeg, fff), 'flir 3.jpeg': jpeg,
    'heat.TIFF': encodeGrey16('tiff', picture), 'heat.tif': encodeGrey16('tiff', picture), 'notes.txt': 'not read',
  };
  const { units, expected } = await unitsOf(folderOf(files), { rateHz: 4 });
  assert.is(expected, 7);
  const order = ['depth 2.png', 'depth 10.png', 'flir 1.fff', 'flir 2.JPG', 'flir 3.jpeg', 'heat.tif', 'heat.TIFF'] as const;
  units.forEach(({ data, isKey, capturedAt }, index) => {
    assert.ok(Buffer.from(data).equals(files[order[index]!]), order[index]);
    assert.ok(isKey);
    assert.is(capturedAt, index * 250_000);
  });
  assert.equal(units.map(({ parameters }) => parameters && [parameters.codec, parameters.width, parameters.height, parameters.samples?.modality, parameters.samples?.metresPerStep]), [
    ['png', 64, 32, 'depth', 0.001], undefined, ['fff', 64, 32, 'thermal', null], ['mjpeg', 64, 32, 'thermal', null], ['mjpeg', 64, 32, undefined, undefined], ['tiff', 64, 32, undefined, undefined], undefined,
  ]);
});

test('the settings say what samples mean where the pictures do not, or otherwise', async () => {
  const folder = folderOf({ '1.tiff': encodeGrey16('tiff', picture), '2.png': encodeGrey16('png', picture), '3.fff': fff });
  const meaning = async (samples: SampleSettings): Promise<unknown> => (await unitsOf(folder, {}, samples)).units.map(({ parameters }) => parameters?.samples ?? null);
  const thermal = { modality: 'thermal', metresPerStep: null, range: [6700, 7100] };
  assert.equal(await meaning({ modality: 'thermal', metresPerStep: null, range: [6700, 7100] }), [thermal, thermal, thermal]);
  assert.equal(await meaning({ modality: 'thermal', metresPerStep: null, kelvinPerStep: 0.04, range: null }), [1, 2, 3].map(() => ({ modality: 'thermal', metresPerStep: null, kelvinPerStep: 0.04, range: null })));
  const depth = { modality: 'depth', metresPerStep: 0.0002, range: null };
  assert.equal(await meaning({ modality: 'depth', metresPerStep: 0.0002, range: null }), [depth, depth, { modality: 'thermal', metresPerStep: null, range: null }]);
  assert.equal(await meaning({ modality: 'rgb', metresPerStep: null, range: null }), [null, null, { modality: 'thermal', metresPerStep: null, range: null }]);
  assert.equal(await meaning({ modality: null, metresPerStep: 0.005, range: [0, 2] }), [null, { modality: 'depth', metresPerStep: 0.005, range: [0, 2] }, { modality: 'thermal', metresPerStep: null, range: [0, 2] }]);
});

test('any source may show heat: a video says so with its parameters', async () => {
  const { makeClipFile } = await import('../support/clip.ts');
  const { units } = await unitsOf(await makeClipFile(), {}, { modality: 'thermal', metresPerStep: null, range: null });
  assert.equal(units.map(({ parameters }) => parameters?.samples?.modality), ['thermal', ...Array.from({ length: units.length - 1 })]);
});

test('pictures that cannot be read are left out, counted, and leave their time empty', async () => {
  const { units, unreadable } = await unitsOf(folderOf({ '0.fff': fff.subarray(0, 700), '1.png': encodeGrey16('png', picture), '2.fff': 'FFF\0 and nothing', '3.tiff': '', '4.png': encodeGrey16('png', picture) }), { rateHz: 1 });
  assert.equal(units.map(({ capturedAt }) => capturedAt / 1e6), [1, 4]);
  assert.is(unreadable, 3, 'that before the first readable one too');
});

test('one picture is a source too, played again and again when it loops', async () => {
  const path = join(folderOf({ 'frame.fff': fff }), 'frame.fff');
  const { units, expected } = await unitsOf(path, {});
  assert.equal([units.length, expected], [1, 1]);
  assert.ok(Buffer.from(units[0]!.data).equals(fff));
  const again = await unitsOf(path, { isLooping: true, rateHz: 10 }, undefined, 5);
  assert.equal(again.units.map(({ capturedAt }) => capturedAt), [0, 100_000, 200_000, 300_000, 400_000]);
  assert.is(again.units.filter(({ parameters }) => parameters !== undefined).length, 1);
});

test('a folder without a readable picture is refused by name', async () => {
  const failure = (uri: string): Promise<string> => unitsOf(uri, {}).then(() => 'none', (error: unknown) => (error instanceof PlatformError ? `${error.code} ${error.message}` : String(error)));
  assert.match(await failure(folderOf({ 'a.txt': 'x' })), /^MEDIA_INVALID no JPEG, PNG, TIFF or FFF pictures/);
  assert.match(await failure(folderOf({ 'a.fff': 'FFF\0' })), /^MEDIA_CORRUPT picture 'a.fff' cannot be read: the FLIR record does not begin/);
  assert.match(await failure(join(folderOf({ 'a.png': 'x' }), 'a.png')), /^MEDIA_CORRUPT picture 'a.png' cannot be read: no JPEG, PNG, TIFF or FLIR record/);
  assert.match(await failure(join(folderOf({}), 'none.fff')), /^SOURCE_NOT_FOUND/);
});

test('plays the shared depth and thermal sequences in the order of their frames', async () => {
  const depth = sharedData('depth/redwood_rendered/depth');
  const track = sharedData('thermal/hit-uav/track_60m');
  if (depth === undefined || track === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  for (const [folder, count] of [[depth, 5], [track, 40]] as const) {
    const names = readdirSync(folder).filter((name) => /\.(png|jpg)$/.test(name)).sort();
    assert.is(names.length, count);
    const { units } = await unitsOf(folder, { rateHz: 2 });
    assert.is(units.length, count);
    units.forEach(({ data }, index) => assert.ok(Buffer.from(data).equals(readFileSync(join(folder, names[index]!))), names[index]));
  }
  const single = join(temporaryFolder(), '%d 100%.jpg');
  copyFileSync(join(track, readdirSync(track)[0]!), single);
  assert.is((await unitsOf(single, {})).units.length, 1);
});

test.run();
