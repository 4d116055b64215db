import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSidecar, rewriteSidecar, toParametersJson, type SidecarEntry, type SidecarHeader } from '../../../src/data-ops/archive/sidecar.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import { parameters } from '../../support/archive-fixtures.ts';
import { camera } from '../../support/ledger-fixtures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const header: SidecarHeader = { camera: camera('dock-2'), epoch: 3, chunkSeq: 1, startedAt: epochMicros(1e15), firstFrameSeq: 7, isOpenGop: false, parameters };
const entry = (index: number, fields: Partial<SidecarEntry> = {}): SidecarEntry => ({
  frameSeq: 7 + index, isKey: index === 0, isCorrupt: index === 1, capturedAt: epochMicros(1e15 + index), arrivedAt: epochMicros(1e15 + 2 * index), pts: index, dts: null, duration: 3600, sizeBytes: 10 + index, ...fields,
});

test('what the camera said its time was is kept beside event time, where it said something', async () => {
  const entries = [entry(0), entry(1, { cameraClock: epochMicros(-5) }), entry(2, { cameraClock: epochMicros(1e15 + 0.5) })];
  await rewriteSidecar(join(folder, 'new'), header, entries);
  const sidecar = (await readSidecar(join(folder, 'new')))!;
  assert.equal([0, 1, 2, 3].map((index) => sidecar.at(index)), [...entries, undefined]);
});

test('files from before the camera\'s time was kept are read as they were written', async () => {
  const json = Buffer.from(JSON.stringify({ ...header, parameters: toParametersJson(parameters) }));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(json.length, 0);
  prefix.writeUInt32LE(crc32(json), 4);
  const entries = [entry(0), entry(1), entry(2, { pts: null })];
  const bytes = entries.map((each) => {
    const old = Buffer.alloc(56); // frameSeq, flags, five times, size, checksum
    old.writeUInt32LE(each.frameSeq, 0);
    old.writeUInt32LE((each.isKey ? 1 : 0) | (each.isCorrupt ? 2 : 0), 4);
    [each.capturedAt, each.arrivedAt, each.pts ?? Number.NaN, each.dts ?? Number.NaN, each.duration].forEach((value, field) => old.writeDoubleLE(value, 8 + field * 8));
    old.writeUInt32LE(each.sizeBytes, 48);
    old.writeUInt32LE(crc32(old.subarray(0, 52)), 52);
    return old;
  });
  writeFileSync(join(folder, 'old'), Buffer.concat([Buffer.from('VTOIDX1\n'), prefix, json, ...bytes, bytes[0]!.subarray(0, 20)]));
  const sidecar = (await readSidecar(join(folder, 'old')))!;
  assert.is(sidecar.count, 3, 'the torn end is left out');
  assert.equal([0, 1, 2].map((index) => sidecar.at(index)), entries);
});

test('a file of another kind is none', async () => {
  writeFileSync(join(folder, 'other'), Buffer.from('VTOIDX9\n0000000000000000'));
  assert.is(await readSidecar(join(folder, 'other')), undefined);
});

test.run();
