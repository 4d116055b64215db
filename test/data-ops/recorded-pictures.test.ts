import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import { manifestPath } from '../../src/data-ops/archive/chunk-path.ts';
import type { ContentHashFactory } from '../../src/data-ops/archive/content-hash.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import { createChunkWriter, createContentHash, createDecoder, createRasterReader, isClosedGopStart, readChunkFile } from '../../src/media/index.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { Codec, SampleMeaning, StreamParameters } from '../../src/messages/stream-parameters.ts';
import { envelopes, stageContext, unit } from '../support/archive-fixtures.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { encodeGrey16, fffFile, grey16, radiometricJpeg, samplesIn, swapped } from '../support/grey16.ts';
import { camera } from '../support/ledger-fixtures.ts';
import { wallClock } from '../support/recording.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOM = camera('room');
const createHash: ContentHashFactory = (parameters) => {
  const hash = createContentHash();
  return { update: (content) => hash.update(content, parameters), digest: () => hash.digest() };
};
const THERMAL: SampleMeaning = { modality: 'thermal', metresPerStep: null, range: [10, 30] };
const pictureOf = (index: number): ReturnType<typeof grey16> => grey16(64, 32, (sample) => 2600 + index * 50 + sample % 800);

const KINDS: Readonly<Record<string, { readonly codec: Codec; readonly samples: SampleMeaning; encode(index: number): Uint8Array }>> = {
  'depth PNG': { codec: 'png', samples: { modality: 'depth', metresPerStep: 0.0002, range: null }, encode: (index) => encodeGrey16('png', pictureOf(index)) },
  'thermal TIFF': { codec: 'tiff', samples: { ...THERMAL, kelvinPerStep: 0.04, range: null }, encode: (index) => encodeGrey16('tiff', pictureOf(index)) },
  'FLIR records': { codec: 'fff', samples: THERMAL, encode: (index) => fffFile({ ...pictureOf(index), image: samplesIn('little', pictureOf(index)) }) },
  'radiometric JPEG': {
    codec: 'mjpeg', samples: THERMAL,
    encode: (index) => radiometricJpeg(encodeClip('mjpeg', { frames: 1, size: '64x32' }).units[0]!.data, fffFile({ ...pictureOf(index), image: encodeGrey16('png', swapped(pictureOf(index))), median: 3000 }), 1000),
  },
};

for (const [name, { codec, samples, encode }] of Object.entries(KINDS)) {
  test(`records ${name} without loss, proves it, and reads it back with what its samples mean`, async () => {
    const folder = temporaryFolder();
    const parameters: StreamParameters = { codec, width: 64, height: 32, extradata: new Uint8Array(), timeBase: { num: 1, den: 90_000 }, framing: 'raw', frameRate: 5, samples };
    const units = Array.from({ length: 5 }, (_, index) => unit(index, { data: encode(index), isKey: true, pts: index * 18_000, dts: index * 18_000, ...index === 0 ? { parameters } : {} }));
    const rows = new Map<number, ChunkRow>();
    const chunker = new Chunker({ camera: ROOM, epoch: 1, chunkSeconds: 100, isClosedGopStart });
    const recorder = new Recorder({ folder, createWriter: createChunkWriter, createHash, index: async (batch) => { for (const row of batch) rows.set(row.chunkSeq, row); }, partMs: 20 });
    const ctx = stageContext({ clock: wallClock });
    await recorder.open(ctx);
    for (const one of units) await recorder.process(await chunker.process(envelopes(ROOM, [one])), ctx);
    await recorder.process(chunker.end(), ctx);
    await recorder.close();
    const closed = [...rows.values()];
    assert.equal(closed.map(({ frameCount, isClosed, isOpenGop }) => [frameCount, isClosed, isOpenGop]), [[5, true, false]]);
    assert.ok((await verifyArchive({ folder, rows: closed, openReader: readChunkFile, createHash })).isSound);
    assert.equal((JSON.parse(readFileSync(manifestPath(join(folder, closed[0]!.path)), 'utf8')) as { parameters: StreamParameters }).parameters.samples, samples, 'the manifest says it to anybody');

    const parts: ChunkPart[] = [];
    for await (const part of readUnits({ folder, camera: ROOM, epoch: 1, rows: closed, from: 0, openReader: readChunkFile, signal: new AbortController().signal })) parts.push(part);
    assert.is(parts.length, 5);
    const decoder = await createDecoder(overLink(parts[0]!).parameters, { threads: 1 });
    const reader = createRasterReader();
    for (const [index, part] of parts.entries()) {
      assert.equal(part.parameters, parameters);
      const [read] = overLink(part).units;
      assert.ok(Buffer.from(read!.data).equals(units[index]!.data), `unit ${index}`);
      const [decoded] = decoder.decode(read!);
      assert.equal([...reader.read(decoded!).samples], [...pictureOf(index).samples], `samples of ${index}`);
      decoded!.free();
    }
    reader.close();
    decoder.close();
  });
}

/** As it comes out of a link to another process. */
function overLink(part: ChunkPart): ChunkPart {
  const { head, payload } = chunkPartCodec.encode(part);
  return chunkPartCodec.decode(head, payload);
}

test('a change of what samples mean ends a chunk', async () => {
  const chunker = new Chunker({ camera: ROOM, epoch: 1, chunkSeconds: 100, isClosedGopStart });
  const parameters: StreamParameters = { codec: 'png', width: 64, height: 32, extradata: new Uint8Array(), timeBase: { num: 1, den: 90_000 }, framing: 'raw', frameRate: 5 };
  const samples: readonly (SampleMeaning | undefined)[] = [undefined, undefined, THERMAL, { ...THERMAL }, { ...THERMAL, range: [10, 31] }, { ...THERMAL, modality: 'depth', metresPerStep: 1 }, undefined];
  const parts = await chunker.process(envelopes(ROOM, samples.map((meaning, index) => unit(index, { isKey: true, parameters: { ...parameters, ...meaning && { samples: meaning } } }))));
  assert.equal(parts.map(({ body }) => body.chunkSeq), [0, 0, 1, 1, 2, 3, 4]);
});

test.run();
