import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { inBandParameterSets, isClosedGopStart, parameterSetsDiffer } from '../../src/media/nal.ts';
import { type GeneratedOptions, openGeneratedReader } from '../../src/media/synthetic-reader.ts';
import { readAll } from '../support/read-all.ts';

const OPTIONS: GeneratedOptions = {
  graph: "testsrc2=size=160x96:rate=15[back];color=c=red:size=20x30:rate=15[sprite];[back][sprite]overlay=x='mod(t*40,W)':y=20[video]",
  encoder: { codec: 'h264', bitrate: 300_000, gop: 10, preset: 'ultrafast' },
  frameRate: 15, frames: 35,
};

for (const codec of ['h264', 'hevc'] as const) {
  test(`generates ${codec} as a camera sends it: in-band parameter sets, closed GOPs of the length asked for, times at 90 kHz`, async () => {
    const reader = await openGeneratedReader({ ...OPTIONS, encoder: { ...OPTIONS.encoder, codec } });
    const { extradata, ...parameters } = reader.parameters;
    assert.equal(parameters, { codec, width: 160, height: 96, timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 15 });
    assert.ok(extradata.length > 0);
    const units = await readAll(reader);
    assert.equal(units.map((unit) => unit.pts), Array.from({ length: 35 }, (_, index) => index * 6000));
    const keys = units.flatMap((unit, index) => (isClosedGopStart(reader.parameters, unit) ? [index] : []));
    assert.equal(keys, [0, 10, 20, 30]);
    assert.ok(keys.every((key) => inBandParameterSets(units[key]!.data, reader.parameters).length >= 2));
    assert.not(units.some((unit) => parameterSetsDiffer(reader.parameters, unit.data)));
    const decoder = await createDecoder(reader.parameters, { threads: 1 });
    const pictures = units.flatMap((unit, frameSeq) => [...decoder.decode({ frameSeq, ...unit })]).concat(decoder.flush());
    assert.is(pictures.length, 35);
    for (const picture of pictures) picture.free();
    decoder.close();
  });
}

test('generates the same bytes again', async () => {
  const [first, second] = [await readAll(await openGeneratedReader(OPTIONS)), await readAll(await openGeneratedReader(OPTIONS))];
  assert.equal(first.map((unit) => Buffer.from(unit.data)), second.map((unit) => Buffer.from(unit.data)));
});

test('reorders with B-frames', async () => {
  const units = await readAll(await openGeneratedReader({ ...OPTIONS, encoder: { ...OPTIONS.encoder, bFrames: 2, extra: { 'b_strategy': '0' } } }));
  assert.is(units.length, 35);
  const pts = units.map((unit) => unit.pts!);
  assert.not.equal(pts, pts.toSorted((a, b) => a - b));
  assert.ok(units.every((unit) => unit.dts! <= unit.pts!));
});

test('an endless graph goes on until closed, also while a read is under way', async () => {
  const { frames: _, ...endless } = OPTIONS;
  const reader = await openGeneratedReader(endless);
  assert.is(reader.durationSeconds, null);
  for (let count = 0; count < 60; count++) assert.ok(await reader.read());
  const last = reader.read();
  await reader.close();
  await last;
  await reader.close();
  assert.is(await reader.read(), undefined);
});

test('ends with the graph when that is shorter', async () => {
  const units = await readAll(await openGeneratedReader({ ...OPTIONS, graph: 'color=c=red:size=64x64:rate=15:duration=1' }));
  assert.is(units.length, 15);
});

test('names a graph or an option that libav refuses', async () => {
  const codeOf = (options: GeneratedOptions): Promise<string> => openGeneratedReader(options).then(() => 'opened', (error: PlatformError) => `${error.code} ${error.message}`);
  assert.match(await codeOf({ ...OPTIONS, graph: 'no_such_filter=1' }), /^CONFIG_INVALID .*graph/);
  assert.match(await codeOf({ ...OPTIONS, graph: 'testsrc2=size=64x64[open' }), /^CONFIG_INVALID .*graph/);
  assert.match(await codeOf({ ...OPTIONS, encoder: { ...OPTIONS.encoder, extra: { nonsense: '1' } } }), /^CONFIG_INVALID .*nonsense/);
  assert.match(await codeOf({ ...OPTIONS, encoder: { ...OPTIONS.encoder, preset: 'quickest' } }), /^CONFIG_INVALID/);
});

test.run();
