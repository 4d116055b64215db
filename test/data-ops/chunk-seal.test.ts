import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChunkProof } from '../../src/data-ops/chunk-proof.ts';
import { ChunkSeal } from '../../src/data-ops/chunk-seal.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { parameters, unit } from '../support/archive-fixtures.ts';
import { hashUnits } from '../support/chunk-files.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { camera } from '../support/ledger-fixtures.ts';

function part(frameSeq: number, fields: Partial<ChunkPart> = {}): ChunkPart {
  return {
    camera: camera('cam'), epoch: 1, chunkSeq: 0, partSeq: frameSeq, chunkStartedAt: epochMicros(0), parameters, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 7,
    units: [{ ...unit(frameSeq), frameSeq, data: Uint8Array.of(frameSeq) }], ...fields,
  };
}

/** What comes out for `parts`. */
async function sealed(parts: readonly ChunkPart[]): Promise<readonly ChunkPart[]> {
  const out: ChunkPart[] = [];
  const seal = new ChunkSeal({ push: async items => { out.push(...items.map(({ body }) => body)); }, room: async () => {} }, hashUnits);
  for (const each of parts) await seal.push([envelope(each)], NEVER);
  return out;
}

const hashOf = (...frames: readonly number[]): string => {
  const hash = hashUnits(parameters);
  for (const frame of frames) hash.update(Uint8Array.of(frame));
  return hash.digest();
};
const hashes = (parts: readonly ChunkPart[]): readonly (readonly [number, number, number, string])[] => parts.flatMap(({ chunkSeq, partSeq, units, contentHash }) => (contentHash === undefined ? [] : [[chunkSeq, partSeq, units.length, contentHash] as const]));

test('a chunk is closed by a part without units before the next one, the last by the end of its epoch', async () => {
  const out = await sealed([part(0), part(1), part(2, { chunkSeq: 1, partSeq: 0 }), part(3, { chunkSeq: 1, partSeq: 1, units: [], isEpochEnd: true })]);
  assert.equal(hashes(out), [[0, 2, 0, hashOf(0, 1)], [1, 1, 0, hashOf(2)]]);
  assert.equal(out.map(({ isEpochEnd }) => isEpochEnd), [false, false, false, false, true]);
  assert.is.not(hashOf(0, 1), createHash('sha256').digest('hex'), 'the hash is of something');
});

test('a chunk that was not seen from its beginning, or lacks a unit, is closed by nothing', async () => {
  const next = part(9, { chunkSeq: 1, partSeq: 0 });
  assert.equal(hashes(await sealed([part(1), part(2), next])), []);
  assert.equal(hashes(await sealed([part(0), part(2), next])), []);
});

test('what is sent again closes no chunk that is still growing', async () => {
  const second = [part(2, { chunkSeq: 1, partSeq: 0 }), part(3, { chunkSeq: 1, partSeq: 1 })];
  const out = await sealed([part(0), part(1), ...second, part(1), ...second, part(4, { chunkSeq: 1, partSeq: 2 }), part(5, { chunkSeq: 2, partSeq: 0 })]);
  assert.equal(hashes(out), [[0, 2, 0, hashOf(0, 1)], [1, 3, 0, hashOf(2, 3, 4)]]);
});

test('a reader tells a chunk as it was recorded from one that was changed, whatever was sent twice', async () => {
  const out = await sealed([part(0), part(1), part(1), part(2, { chunkSeq: 1, partSeq: 0 })]);
  const proof = new ChunkProof(hashUnits);
  assert.equal(out.map(each => proof.take(each)), out.map(() => undefined));
  assert.is(proof.proven, 1);
  const changed = new ChunkProof(hashUnits);
  const problems = out.map(each => changed.take(each.partSeq === 1 ? { ...each, units: each.units.map(one => ({ ...one, data: Uint8Array.of(77) })) } : each));
  assert.match(problems.find(problem => problem !== undefined) ?? '', 'chunk 0 has the content hash');
  assert.is(changed.proven, 0);
});

test.run();
