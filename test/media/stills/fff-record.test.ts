import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { isFff, readFff } from '../../../src/media/stills/fff-record.ts';
import { rollDice } from '../../support/dice.ts';
import { DUO, encodeGrey16, fffFile, grey16, samplesIn } from '../../support/grey16.ts';
import { sharedData } from '../../support/shared-data.ts';

const picture = grey16(8, 6, (index) => 2600 + index);
const RAW = samplesIn('little', picture);

function failureOf(bytes: Uint8Array): string {
  try {
    readFff(bytes);
    return 'none';
  } catch (error) {
    return error instanceof PlatformError && error.code === 'MEDIA_CORRUPT' ? error.message : String(error);
  }
}

test('reads what exiftool reads from a record of a FLIR Duo Pro R', () => {
  const path = sharedData('thermal/flir/frame_000000.fff');
  const said = sharedData('thermal/flir/frame_000000.exiftool.txt');
  if (path === undefined || said === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const expected = new Map(readFileSync(said, 'utf8').split('\n').map((line) => line.split(/ *: /) as [string, string]));
  const number = (name: string): number => Number.parseFloat(expected.get(name)!);
  const record = readFff(readFileSync(path));
  const { calibration } = record;
  assert.equal(
    [record.width, record.height, calibration.r1, calibration.r2, calibration.b, calibration.f, calibration.o, Number(calibration.emissivity.toFixed(2)), record.median],
    ['Raw Thermal Image Width', 'Raw Thermal Image Height', 'Planck R1', 'Planck R2', 'Planck B', 'Planck F', 'Planck O', 'Emissivity', 'Raw Value Median'].map(number),
  );
  assert.is(record.layout, 'little-endian');
  assert.is(record.image.length, 640 * 512 * 2);
  assert.is(record.image.readUInt16LE(0), 2641);
});

for (const directory of ['big', 'little'] as const) {
  for (const records of ['big', 'little'] as const) {
    test(`reads a ${directory}-endian directory of ${records}-endian records`, () => {
      const record = readFff(fffFile({ ...picture, image: samplesIn(records, picture), directory, records, median: 2623 }));
      assert.equal({ ...record, image: undefined }, { width: 8, height: 6, layout: `${records}-endian`, median: 2623, calibration: DUO, image: undefined });
      assert.equal(record.image, samplesIn(records, picture));
    });
  }
}

test('tells a PNG of the samples from the samples', () => {
  const record = readFff(fffFile({ ...picture, image: encodeGrey16('png', picture) }));
  assert.is(record.layout, 'png');
  assert.is(record.image.toString('latin1', 1, 4), 'PNG');
});

test('says what is wrong with a damaged record', () => {
  const good = fffFile({ ...picture, image: RAW });
  const changed = (at: number, value: number): Buffer => { const copy = Buffer.from(good); copy.writeUInt32BE(value, at); return copy; };
  assert.match(failureOf(Buffer.from('FFF\0')), 'does not begin with the header');
  assert.match(failureOf(Buffer.from('no record of any kind'.repeat(9))), 'does not begin with the header');
  assert.match(failureOf(changed(20, 7)), 'no known version (7)');
  assert.match(failureOf(changed(28, 4000)), 'ends within its directory of 4000 records');
  assert.match(failureOf(changed(28, 2)), 'has no thermal picture');
  assert.match(failureOf(changed(64 + 32 + 12, 0xffffffff)), 'ends within its camera constants');
  assert.match(failureOf(good.subarray(0, -10)), 'ends within its thermal picture');
  assert.match(failureOf(fffFile({ ...picture, width: 0, image: RAW })), '0x6');
  assert.match(failureOf(fffFile({ ...picture, image: RAW.subarray(4) })), 'holds 92 bytes for a thermal picture of 8x6');
  assert.match(failureOf(fffFile({ ...picture, image: RAW, calibration: { ...DUO, r1: Number.NaN } })), 'make no temperature');
  assert.match(failureOf(fffFile({ ...picture, image: RAW, calibration: { ...DUO, b: 0 } })), 'make no temperature');
});

test('whatever the bytes, a record is read or refused by name', () => {
  const dice = rollDice('fff');
  const good = fffFile({ ...picture, image: RAW });
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(good.subarray(0, dice.chance(0.3) ? dice.between(0, good.length) : good.length));
    for (let hits = dice.between(1, 4); hits > 0 && bytes.length > 0; hits--) bytes[dice.between(0, Math.min(bytes.length, 1300) - 1)] = dice.between(0, 255);
    const failure = failureOf(bytes);
    assert.not.match(failure, /RangeError|TypeError/);
    if (failure !== 'none') refused++;
  }
  assert.ok(refused > 300 && refused < 3000, `${refused} refused`);
});

test('knows the beginning of a FLIR file', () => {
  assert.ok(isFff(fffFile({ ...picture, image: RAW })));
  assert.not(isFff(Buffer.from('FFFF')));
  assert.not(isFff(new Uint8Array(0)));
});

test.run();
