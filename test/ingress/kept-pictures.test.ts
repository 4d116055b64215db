import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { KeptPictures } from '../../src/ingress/kept-pictures.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { PARAMETERS } from '../support/fake-media.ts';

const unit = (atMs: number, isKey: boolean, sizeBytes = 10, width?: number): SourceUnit => ({
  data: new Uint8Array(sizeBytes), pts: atMs, dts: atMs, duration: 0, isKey, isCorrupt: false, capturedAt: epochMicros(atMs * 1000), arrivedAt: epochMicros(atMs * 1000),
  ...width !== undefined && { parameters: { ...PARAMETERS, width } },
});

/** A picture every 100 ms, every fifth a key frame. */
function filled(kept: KeptPictures, untilMs: number, sizeBytes = 10): KeptPictures {
  for (let atMs = 0; atMs < untilMs; atMs += 100) kept.add(unit(atMs, atMs % 500 === 0, sizeBytes, atMs === 0 ? 320 : undefined));
  return kept;
}

test('it keeps as much as must be covered, from a key frame on, and no more', () => {
  const kept = filled(new KeptPictures({ coverMs: 2_000, maxBytes: 1e6 }), 10_000);
  const units = kept.take(undefined);
  assert.is(units[0]!.pts, 7_500, 'the newest key frame that is at least two seconds old');
  assert.is(units.at(-1)!.pts, 9_900);
  assert.ok(kept.isEmpty && kept.sizeBytes === 0);
});

test('it gives what follows from the newest key frame on that is not after a time, or all where none is', () => {
  const make = (): KeptPictures => filled(new KeptPictures({ coverMs: 2_000, maxBytes: 1e6 }), 10_000);
  assert.is(make().take(epochMicros(8_640_000))[0]!.pts, 8_500);
  assert.is(make().take(epochMicros(8_500_000))[0]!.pts, 8_500);
  assert.is(make().take(epochMicros(1_000_000))[0]!.pts, 7_500);
  assert.is(make().take(epochMicros(60_000_000))[0]!.pts, 9_500);
});

test('the first picture carries the parameters that hold for it', () => {
  const kept = new KeptPictures({ coverMs: 10_000, maxBytes: 1e6 });
  for (const each of [unit(0, true, 1, 320), unit(100, false), unit(200, true, 1, 640), unit(300, false), unit(400, true)]) kept.add(each);
  assert.equal(kept.take(epochMicros(100_000)).map(({ parameters }) => parameters?.width), [320, undefined, 640, undefined, undefined]);
  const later = new KeptPictures({ coverMs: 10_000, maxBytes: 1e6 }, { ...PARAMETERS, width: 99 });
  for (const each of [unit(0, false), unit(100, true)]) later.add(each);
  assert.equal(later.take(undefined).map(({ parameters }) => parameters?.width), [99]);
});

test('it never holds more than its bytes: older groups go first, and one that is too large is let go up to the next key frame', () => {
  const kept = filled(new KeptPictures({ coverMs: 60_000, maxBytes: 1_200 }), 5_000, 100);
  assert.ok(kept.sizeBytes <= 1_200);
  assert.is(kept.take(undefined)[0]!.pts, 4_000);
  const small = new KeptPictures({ coverMs: 60_000, maxBytes: 350 });
  small.add(unit(0, true, 100, 320));
  for (let atMs = 100; atMs < 500; atMs += 100) small.add(unit(atMs, false, 100));
  assert.ok(small.isEmpty);
  small.add(unit(500, true, 100));
  assert.equal(small.take(undefined).map(({ pts, parameters }) => [pts, parameters?.width]), [[500, 320]]);
});

test.run();
