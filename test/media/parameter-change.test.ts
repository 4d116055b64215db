import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { extradataParameterSets, framingOf, inBandParameterSets } from '../../src/media/nal.ts';
import { changedParameters } from '../../src/media/parameter-change.ts';
import { openReader } from '../../src/media/reader.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { makeClip, makeClipFile } from '../support/clip.ts';
import { joinNalUnits, nalUnits } from '../support/nal-units.ts';

for (const codec of ['h264', 'hevc'] as const) {
  const other = { codec, width: 480, height: 320, frames: 2 } as const;

  test(`${codec}: the same sets in band are no change, other sets are one, in Annex B`, async () => {
    const [clip, changed] = [await makeClip({ codec, frames: 2 }), await makeClip(other)];
    const layout = { codec, framing: 'annexb', extradata: new Uint8Array(0) } as const;
    const unknown: StreamParameters = { ...layout, width: 0, height: 0, timeBase: { num: 1, den: 90_000 }, frameRate: 25 };
    const first = changedParameters(clip.units[0]!.data, unknown)!;
    assert.equal([first.width, first.height, first.frameRate], [320, 240, 25]);
    assert.equal(extradataParameterSets(first), inBandParameterSets(clip.units[0]!.data, layout));
    assert.is(changedParameters(clip.units[0]!.data, first), null);
    assert.is(changedParameters(clip.units[1]!.data, first), null);
    assert.equal([changedParameters(changed.units[0]!.data, first)?.width, changedParameters(changed.units[0]!.data, first)?.height], [480, 320]);
  });

  test(`${codec}: a change within length-prefixed framing gives a record again`, async () => {
    const reader = await openReader({ uri: await makeClipFile({ codec, frames: 2 }), openTimeoutMs: 10_000 });
    const changed = joinNalUnits(nalUnits((await makeClip(other)).units[0]!.data), 'length-prefixed');
    const after = changedParameters(changed, reader.parameters)!;
    assert.is(framingOf(codec, after.extradata), 'length-prefixed');
    assert.equal([after.width, after.height], [480, 320]);
    assert.equal(extradataParameterSets(after), inBandParameterSets(changed, after));
    assert.is(changedParameters(changed, after), null);
    await reader.close();
  });
}

test('parameters without a size get it from the sets they hold', async () => {
  const reader = await openReader({ uri: await makeClipFile(), openTimeoutMs: 10_000 });
  const sized = changedParameters(new Uint8Array(0), { ...reader.parameters, width: 0, height: 0 });
  assert.equal([sized?.width, sized?.height], [320, 240]);
  await reader.close();
});

test.run();
