import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kindReader, PICTURE_KINDS, type PictureKind } from '../../../src/feature-ops/activity/picture-kind.ts';
import { openReader } from '../../../src/media/index.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { rollDice } from '../../support/dice.ts';
import { sharedData } from '../../support/shared-data.ts';

type Counts = Partial<Record<PictureKind, number>>;

function count(kinds: readonly PictureKind[]): Counts {
  const counts: Counts = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

for (const codec of ['h264', 'hevc'] as const) {
  test(`slice headers of ${codec} tell P from B pictures, and those that others refer to`, () => {
    const plain = encodeClip(codec, { frames: 40, gop: 10 });
    const kinds = plain.units.map(kindReader(plain.parameters));
    assert.equal(Object.keys(count(kinds)).sort(), ['key', 'p']);
    assert.equal(kinds.map((kind, index) => kind === 'key' && !plain.units[index]!.isKey), kinds.map(() => false), 'as the container says');
    const reordered = encodeClip(codec, { frames: 60, gop: 30, bFrames: 3, options: codec === 'h264' ? { 'preset': 'veryfast', 'b-pyramid': 'normal', 'sc_threshold': '0' } : { preset: 'medium' } });
    const found = count(reordered.units.map(kindReader(reordered.parameters)));
    assert.ok((found.p ?? 0) > 5 && (found['b-unused'] ?? 0) > 5 && (found.b ?? 0) > 1, JSON.stringify(found));
  });
}

test('other codecs tell key frames only', () => {
  const clip = encodeClip('mpeg4', { frames: 20, gop: 10 });
  assert.equal(count(clip.units.map(kindReader(clip.parameters))), { key: 2, other: 18 });
});

test('damaged units are some kind, whatever is in them', () => {
  const dice = rollDice('picture-kind');
  for (const codec of ['h264', 'hevc'] as const) {
    const clip = encodeClip(codec, { frames: 12, gop: 12, bFrames: 1 });
    for (const framing of ['annexb', 'length-prefixed'] as const) {
      for (let round = 0; round < 400; round += 1) {
        const data = Uint8Array.from(dice.pick(clip.units).data.subarray(0, dice.between(0, 400)));
        for (let hits = dice.between(0, 8); hits > 0 && data.length > 0; hits -= 1) data[dice.between(0, data.length - 1)] = dice.between(0, 255);
        const extradata = Uint8Array.from({ length: dice.between(0, 60) }, () => dice.between(0, 255));
        assert.ok(PICTURE_KINDS.includes(kindReader({ codec, framing, extradata })({ data, isKey: false })));
      }
    }
  }
});

for (const [name, expected] of [
  // Counted with ffprobe 5.1.9: pict_type of packets that are no key frames.
  ['one-by-one-person-detection.mp4', { key: 140, p: 434, b: 820 }], ['Retail02_short.mp4', { key: 3, p: 168, b: 432 }],
] as const) {
  const path = sharedData(`videos/${name}`);
  (path === undefined ? test.skip : test)(`the kinds of the recording ${name} are those that ffprobe tells`, async () => {
    const reader = await openReader({ uri: path!, openTimeoutMs: 10_000 });
    const kindOf = kindReader(reader.parameters);
    const kinds: PictureKind[] = [];
    for (let packet = await reader.read(); packet; packet = await reader.read()) kinds.push(kindOf(packet));
    await reader.close();
    const { key = 0, p = 0, b = 0, ...rest } = count(kinds);
    assert.equal({ key, p: p + (rest['p-unused'] ?? 0), b: b + (rest['b-unused'] ?? 0) }, expected);
  });
}

test.run();
