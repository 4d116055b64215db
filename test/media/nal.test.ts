import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  extradataParameterSets, framingOf, inBandParameterSets, isClosedGopStart, isSkippedLeading, joinParameterSets, lengthSizeOf, nalUnits, parameterSetsDiffer,
  type UnitLayout,
} from '../../src/media/nal.ts';
import { encodeClip } from '../support/encoded-clip.ts';

const ANNEXB: UnitLayout = { codec: 'h264', framing: 'annexb', extradata: new Uint8Array(0) };
const HEVC: UnitLayout = { codec: 'hevc', framing: 'annexb', extradata: new Uint8Array(0) };
const lengthPrefixed = (bytes: 1 | 2 | 4): UnitLayout => ({ codec: 'h264', framing: 'length-prefixed', extradata: Uint8Array.of(1, 100, 0, 31, 0xfc | (bytes - 1), 0xe0, 0) });
const hex = (units: readonly Uint8Array[]): string[] => units.map((unit) => Buffer.from(unit).toString('hex'));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('splits Annex B at three- and four-byte start codes, without trailing zeros', () => {
  assert.equal(hex(nalUnits(bytes('00000001 6742 000001 6843 00000000 000001 65aa00bb 0000'), ANNEXB)), ['6742', '6843', '65aa00bb']);
});

test('gives views of the input, not copies', () => {
  const unit = bytes('000001 65aa');
  assert.is(nalUnits(unit, ANNEXB)[0]?.buffer, unit.buffer);
});

test('splits length-prefixed units by the length size of the extradata', () => {
  assert.equal(hex(nalUnits(bytes('00000002 6742 00000003 65aabb'), lengthPrefixed(4))), ['6742', '65aabb']);
  assert.equal(hex(nalUnits(bytes('0002 6742 0003 65aabb'), lengthPrefixed(2))), ['6742', '65aabb']);
  assert.equal(hex(nalUnits(bytes('02 6742 03 65aabb'), lengthPrefixed(1))), ['6742', '65aabb']);
});

test('keeps every byte of a damaged length-prefixed unit', () => {
  assert.equal(hex(nalUnits(bytes('00000002 6742 000000ff 65aabb'), lengthPrefixed(4))), ['6742', '000000ff65aabb']);
});

test('keeps bytes that no start code introduces', () => {
  assert.equal(hex(nalUnits(bytes('aabb 000001 65cc'), ANNEXB)), ['aabb', '65cc']);
  assert.equal(hex(nalUnits(bytes(''), ANNEXB)), []);
});

test('splits AV1 by OBU sizes and leaves out delimiters and padding', () => {
  const layout: UnitLayout = { codec: 'av1', framing: 'raw', extradata: new Uint8Array(0) };
  assert.equal(hex(nalUnits(bytes('1200 0a02aabb 7a01ff 3203010203'), layout)), ['0a02aabb', '3203010203']);
});

test('never reads beyond or loops on random bytes', () => {
  const seed = 20261123;
  let state = seed;
  const next = (): number => (state = (state * 1103515245 + 12345) % 2147483648);
  const layouts = [ANNEXB, HEVC, lengthPrefixed(4), lengthPrefixed(2), { ...ANNEXB, codec: 'av1', framing: 'raw' } as const];
  for (let round = 0; round < 2000; round++) {
    const unit = Uint8Array.from({ length: next() % 60 }, () => next() % (round % 3 === 0 ? 4 : 256));
    for (const layout of layouts) {
      const total = nalUnits(unit, layout).reduce((sum, nal) => sum + nal.length, 0);
      assert.ok(total <= unit.length, `seed ${seed}, round ${round}`);
      inBandParameterSets(unit, layout);
      extradataParameterSets({ ...layout, extradata: unit });
      parameterSetsDiffer({ ...layout, extradata: unit }, unit);
    }
  }
});

test('an IDR starts a closed GOP, a recovery point does not', () => {
  assert.ok(isClosedGopStart(ANNEXB, { data: bytes('000001 09f0 000001 65aa'), isKey: true }));
  assert.not(isClosedGopStart(ANNEXB, { data: bytes('000001 0605 000001 41aa'), isKey: true }));
});

test('in HEVC an IDR and a BLA without RASL start a closed GOP, a CRA does not', () => {
  const unit = (type: number) => ({ data: Uint8Array.of(0, 0, 1, type << 1, 1, 0xaa), isKey: true });
  assert.equal([16, 17, 18, 19, 20, 21].map((type) => isClosedGopStart(HEVC, unit(type))), [false, true, true, true, true, false]);
  assert.ok(isSkippedLeading(HEVC, unit(8).data));
  assert.not(isSkippedLeading(HEVC, unit(1).data));
});

test('finds the same parameter sets in band, in Annex-B extradata and in configuration records', () => {
  const clip = encodeClip('h264', { frames: 1, options: { flags: '-global_header' } });
  const layout = { ...clip.parameters, framing: 'annexb' } as const;
  const sets = inBandParameterSets(clip.units[0]!.data, layout);
  assert.is(sets.length, 2);
  const annexb = { ...layout, extradata: joinParameterSets('h264', sets) };
  assert.equal(hex(extradataParameterSets(annexb)), hex(sets));
  const [sps, pps] = sets;
  const avcc = new Uint8Array(Buffer.concat([Uint8Array.of(1, 66, 0, 30, 0xff, 0xe1, 0, sps!.length), sps!, Uint8Array.of(1, 0, pps!.length), pps!]));
  assert.is(framingOf('h264', avcc), 'length-prefixed');
  assert.is(lengthSizeOf({ codec: 'h264', framing: 'length-prefixed', extradata: avcc }), 4);
  assert.equal(hex(extradataParameterSets({ codec: 'h264', framing: 'length-prefixed', extradata: avcc })), hex(sets));
});

test('tells a new picture size by its parameter sets, and the same ones again as no change', () => {
  const small = encodeClip('hevc', { frames: 1, size: '160x96' });
  const large = encodeClip('hevc', { frames: 1, size: '320x192', options: { flags: '-global_header' } });
  assert.is(extradataParameterSets(small.parameters).length, 3);
  assert.ok(parameterSetsDiffer(small.parameters, large.units[0]!.data));
  assert.not(parameterSetsDiffer(large.parameters.extradata.length > 0 ? large.parameters : { ...HEVC, extradata: joinParameterSets('hevc', inBandParameterSets(large.units[0]!.data, HEVC)) }, large.units[0]!.data));
  assert.not(parameterSetsDiffer(small.parameters, small.units[0]!.data));
});

test.run();
