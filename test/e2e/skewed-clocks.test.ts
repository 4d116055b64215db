import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnRtspServer } from '../support/rtsp-server-process.ts';
import { at } from '../support/ledger-oracle.ts';
import { readLines } from '../support/line-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const CLIP = { fps: 15, gop: 15, frames: 90, width: 320, height: 240 } as const;
/** Cameras that see the same, with clocks that are so wrong. */
const SKEWS_MS = { right: 0, ahead: 5_000, behind: -3_000, summer: 3_600_000 } as const;
const APART_MAX_MS = 20;
/** Event time settles in the first seconds of a session. */
const SETTLE_SECONDS = 6;
const GROUPS = 75;

interface Frame { readonly camera: string; readonly frameSeq: number; readonly epoch: number; readonly capturedAt: string }
interface Group { readonly kind: string; readonly isComplete: boolean; readonly frames: readonly Frame[] }

test('cameras whose clocks are seconds and an hour wrong are aligned: groups hold the same picture of each, within 20 ms of each other', async () => {
  const server = await spawnRtspServer();
  const url = await server.add('yard', CLIP);
  const ids = Object.keys(SKEWS_MS);
  const run = await VtoRun.start({ data: temporaryFolder(), cameras: Object.fromEntries(Object.entries(SKEWS_MS).map(([id, skew]) => [id, `${url}~${skew}`])), env: { VTO__VISION__STALENESS_MS: '5000', VTO__VISION__GATE: 'off' } });
  try {
    await run.live(ids);
    const reader = await readLines(Number(new URL(run.url).port), `/api/v1/infer?${ids.map((id) => `stream=${id}`).join('&')}&align=${APART_MAX_MS}`);
    const groups = (): Group[] => (reader.lines as unknown as Group[]).filter(({ kind, frames }) => kind === 'group' && frames.every(({ frameSeq }) => frameSeq > SETTLE_SECONDS * CLIP.fps));
    await until(() => groups().length >= GROUPS, `${GROUPS} groups`, 60_000).catch((error: unknown) => { console.log(JSON.stringify(reader.lines.slice(-5))); throw error; });
    reader.leave();
    const sent = await server.sent('yard');
    const counters = Object.fromEntries(Object.entries(SKEWS_MS).map(([id, skew]) => [id, sent.filter(({ view }) => view === `yard~${skew}`).map(({ counter }) => counter)]));
    const counterOf = ({ camera, frameSeq }: Frame): number | undefined => counters[camera]?.[frameSeq];
    const times = new Map<number | undefined, number[]>();
    for (const frame of groups().flatMap(({ frames }) => frames)) times.set(counterOf(frame), [...times.get(counterOf(frame)) ?? [], Date.parse(frame.capturedAt)]);
    const apart = [...times.values()].filter(({ length }) => length === ids.length).map((each) => Math.max(...each) - Math.min(...each)).toSorted((a, b) => a - b);
    const mixed = groups().filter(({ frames }) => new Set(frames.map(counterOf)).size > 1);
    const complete = groups().filter(({ isComplete }) => isComplete).length / groups().length;
    console.log(`  ${apart.length} pictures seen by all: p50 ${at(apart, 0.5)}, p99 ${at(apart, 0.99)}, max ${at(apart, 1)} ms apart; ${(complete * 100).toFixed(1)} % of ${groups().length} groups complete`);
    assert.equal(mixed, [], 'a group holds one picture of all cameras');
    assert.ok(at(apart, 0.99) <= APART_MAX_MS);
    assert.ok(complete > 0.9, 'groups are complete');
  } finally {
    await run.stop().catch(() => run.killAll());
    await server.close();
  }
});

test.run();
