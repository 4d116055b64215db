import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recoverArchive } from '../../src/data-ops/archive.ts';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import { manifestPath } from '../../src/data-ops/archive/chunk-path.ts';
import type { ContentHashFactory } from '../../src/data-ops/archive/content-hash.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import { createChunkWriter, createContentHash, cutTornTail, isClosedGopStart, openReader, readChunkFile } from '../../src/media/index.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { envelopes, stageContext, unit } from '../support/archive-fixtures.ts';
import { makeClip } from '../support/clip.ts';
import { camera, frozenClock } from '../support/ledger-fixtures.ts';
import { wallClock } from '../support/recording.ts';

const DOCK = camera('dock-2');
const createHash: ContentHashFactory = (parameters) => {
  const hash = createContentHash();
  return { update: (content) => hash.update(content, parameters), digest: () => hash.digest() };
};
const tools = { openReader: readChunkFile, cutTornTail, createHash };

for (const codec of ['h264', 'hevc'] as const) {
  test(`records ${codec} with B-frames, proves it, and reads it back with its times, also after a torn end`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vto-video-'));
    const clip = await makeClip({ codec, frames: 60, gop: 12, bFrames: 2, fps: 25 });
    const parameters: StreamParameters = { codec, width: clip.width, height: clip.height, extradata: new Uint8Array(), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 25 };
    const units = clip.units.map(({ data, isKey, pts, dts }, index) => unit(index, { data, isKey, pts: pts * 3600, dts: dts * 3600, ...index === 0 ? { parameters } : {} }));
    const rows = new Map<number, ChunkRow>();
    const chunker = new Chunker({ camera: DOCK, epoch: 1, chunkSeconds: 0.9, isClosedGopStart });
    const recorder = new Recorder({ folder, createWriter: createChunkWriter, createHash, index: async (batch) => { for (const row of batch) rows.set(row.chunkSeq, row); }, partMs: 20 });
    const ctx = stageContext({ clock: wallClock });
    await recorder.open(ctx);
    for (const one of units) await recorder.process(await chunker.process(envelopes(DOCK, [one])), ctx);
    await recorder.process(chunker.end(), ctx);
    await recorder.close();
    const closed = [...rows.values()].sort((a, b) => a.chunkSeq - b.chunkSeq);
    assert.equal(closed.map(({ firstFrameSeq, frameCount, isClosed }) => [firstFrameSeq, frameCount, isClosed]), [[0, 24, true], [24, 24, true], [48, 12, true]]);
    assert.ok((await verifyArchive({ folder, rows: closed, ...tools })).isSound, 'the hash over the source equals that over the files');

    const last = closed.at(-1)!;
    const file = join(folder, last.path);
    rmSync(manifestPath(file));
    truncateSync(file, statSync(file).size - 3);
    const found = await recoverArchive({ folder, tools, clock: frozenClock, cameras: [DOCK], rows: async () => [...closed.slice(0, -1), { ...last, isClosed: false, frameCount: 3 }] });
    assert.equal(found.rows.map(({ frameCount }) => frameCount), [11]);
    assert.is(found.events.length, 1);
    const after = [...closed.slice(0, -1), ...found.rows];
    assert.ok((await verifyArchive({ folder, rows: after, ...tools })).isSound);

    const read: AccessUnit[] = [];
    for await (const part of readUnits({ folder, camera: DOCK, epoch: 1, rows: after, from: 0, openReader: readChunkFile, signal: new AbortController().signal })) {
      assert.equal(part.parameters, parameters, 'a decoder of the live stream goes on with them');
      assert.equal([...part.units[0]!.data.subarray(0, 4)], [0, 0, 0, 1]);
      read.push(...part.units);
    }
    assert.is(read.length, 59);
    const times = ({ pts, dts, duration, isKey, capturedAt, arrivedAt }: Omit<AccessUnit, 'frameSeq'>): unknown => ({ pts, dts, duration, isKey, capturedAt, arrivedAt });
    read.forEach((one, index) => assert.equal(times(one), times(units[index]!)));

    const reader = await openReader({ uri: join(folder, closed[0]!.path), openTimeoutMs: 5000 });
    let packets = 0;
    while (await reader.read() !== undefined) packets += 1;
    await reader.close();
    assert.is(packets, 24, 'libav reads the file as well');
    rmSync(folder, { recursive: true, force: true });
  });
}

test.run();
