import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { envelopes, parameters, unit } from '../support/archive-fixtures.ts';
import { rollDice } from '../support/dice.ts';
import { camera } from '../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');

function chunker(isClosedGopStart = (_: unknown, first: SourceUnit): boolean => first.isKey, chunkSeconds = 1): Chunker {
  return new Chunker({ camera: DOCK, epoch: 4, chunkSeconds, isClosedGopStart });
}

async function cut(units: readonly SourceUnit[], stage = chunker()): Promise<readonly ChunkPart[]> {
  return (await stage.process(envelopes(DOCK, units))).map(({ body }) => body);
}

test('places every unit of any session exactly once, in order, in chunks that start where they may', async () => {
  const dice = rollDice('chunker');
  for (let round = 0; round < 200; round += 1) {
    const seconds = dice.between(1, 3);
    let at = 1e15;
    let current = parameters;
    const units = Array.from({ length: dice.between(1, 120) }, (_, index) => {
      at += dice.chance(0.02) ? -dice.between(0, 5_000_000) : dice.between(0, 200_000);
      const isChange = index === 0 || dice.chance(0.02);
      if (isChange && index > 0) current = { ...current, width: current.width + 2 };
      return unit(index, { isKey: dice.chance(0.15), capturedAt: epochMicros(at), ...isChange || dice.chance(0.05) ? { parameters: current } : {} });
    });
    const stage = chunker(undefined, seconds);
    const parts: ChunkPart[] = [];
    for (let index = 0; index < units.length;) {
      const batch = units.slice(index, index + dice.between(1, 9));
      parts.push(...await cut(batch, stage));
      index += batch.length;
    }
    assert.is(parts.length, units.length);
    parts.forEach((part, index) => {
      const [placed] = part.units;
      assert.is(part.units.length, 1);
      assert.is(placed?.frameSeq, index);
      assert.is(placed?.data, units[index]!.data, 'bytes are passed on, not copied');
      assert.is(part.epoch, 4);
      const before = parts[index - 1];
      const isNew = part.partSeq === 0;
      assert.is(part.chunkSeq, (before?.chunkSeq ?? -1) + (isNew ? 1 : 0));
      if (!isNew) {
        assert.is(part.partSeq, before!.partSeq + 1);
        assert.is(part.chunkStartedAt, before!.chunkStartedAt);
        assert.is(part.parameters, before!.parameters);
        return;
      }
      assert.is(part.chunkStartedAt, units[index]!.capturedAt);
      assert.is(part.isOpenGop, !units[index]!.isKey);
      const isChange = before !== undefined && before.parameters.width !== part.parameters.width;
      assert.ok(units[index]!.isKey || index === 0 || isChange, 'a chunk starts at a key frame, the start or a change');
      if (before === undefined || isChange) return;
      const first = units[index - before.partSeq - 1]!;
      assert.ok(!first.isKey || Math.abs(units[index]!.capturedAt - before.chunkStartedAt) >= seconds * 1e6, 'and not too early');
    });
    parts.forEach((part, index) => {
      const start = parts[index - part.partSeq]!.units[0]!;
      const lasts = Math.abs(units[index]!.capturedAt - part.chunkStartedAt) >= seconds * 1e6;
      if (units[index]!.isKey && part.partSeq > 0) assert.ok(start.isKey && !lasts, 'a key frame that ends a chunk is not inside it');
    });
  }
});

test('keeps units before the first key frame in a chunk of their own, said to be undecodable alone', async () => {
  const parts = await cut([unit(0, { parameters }), unit(1), unit(2, { isKey: true }), unit(3), unit(4, { isKey: true })]);
  assert.equal(parts.map(({ chunkSeq, partSeq, isOpenGop }) => [chunkSeq, partSeq, isOpenGop]), [[0, 0, true], [0, 1, true], [1, 0, false], [1, 1, false], [1, 2, false]]);
});

test('marks a chunk whose key frame does not start a closed GOP', async () => {
  const parts = await cut([unit(0, { parameters, isKey: true })], chunker(() => false));
  assert.ok(parts[0]?.isOpenGop);
});

test('goes on when the source repeats parameters that did not change', async () => {
  const parts = await cut([unit(0, { parameters, isKey: true }), unit(1, { parameters: { ...parameters, extradata: parameters.extradata.slice() } }), unit(2, { parameters: { ...parameters, extradata: new Uint8Array([9]) } })]);
  assert.equal(parts.map(({ chunkSeq }) => chunkSeq), [0, 0, 1]);
});

test('refuses a session whose first unit says nothing of the stream', async () => {
  try {
    await cut([unit(0, { isKey: true })]);
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof PlatformError && error.code === 'MEDIA_INVALID');
  }
});

test.run();
