import { fork } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClip } from '../support/clip.ts';
import { FUZZ_CASES, FUZZ_SEED } from '../support/fuzz.ts';
import type { HostileOutcome } from '../support/hostile-rtsp-child.ts';
import { startHostileServer, type HostileMode } from '../support/hostile-rtsp-server.ts';

/** All but the last are tried again. */
const NAMES = ['end', 'SOURCE_UNREACHABLE', 'SOURCE_REFUSED', 'SOURCE_STALLED', 'MEDIA_UNSUPPORTED'];
/** A session's three limits, and time for a busy machine. */
const LIMIT_MS = 15_000;

interface Findings { readonly outcomes: ReadonlyMap<string, number>; readonly units: number }

/** Lets the real source read so many hostile sessions in a process of its own, and judges how each ended. */
async function readHostile(mode: HostileMode, cases: number): Promise<Findings> {
  const clips = await Promise.all((['h264', 'hevc'] as const).map((codec) => makeClip({ codec, width: 160, height: 96, frames: 20, gop: 5 })));
  const server = await startHostileServer(clips);
  const first = FUZZ_SEED % 2 ** 31;
  const child = fork(new URL('../support/hostile-rtsp-child.ts', import.meta.url), [String(server.port), String(cases), String(first), mode], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, UV_THREADPOOL_SIZE: '32' } });
  const underWay = new Set<number>();
  const outcomes = new Map<string, number>();
  const wrong: HostileOutcome[] = [];
  let units = 0;
  child.on('message', (message: { starting: number } | HostileOutcome) => {
    if ('starting' in message) { underWay.add(message.starting); return; }
    underWay.delete(message.seed);
    outcomes.set(message.outcome, (outcomes.get(message.outcome) ?? 0) + 1);
    units += message.units;
    if (!NAMES.includes(message.outcome) || message.tookMs > LIMIT_MS) wrong.push(message);
  });
  const exit = await new Promise<string>((resolve) => { child.on('exit', (code, signal) => resolve(String(signal ?? code))); });
  await server.close();
  console.log(`rtsp, ${mode}: ${cases} cases, seed ${FUZZ_SEED}, ${units} units, ${JSON.stringify([...outcomes])}`);
  assert.is(exit, '0', `the process ended with ${exit} while it read the paths ${[...underWay].map((seed) => `/${mode}/${seed}`).join()} (FUZZ_SEED=${FUZZ_SEED})`);
  assert.equal(wrong, [], `FUZZ_SEED=${FUZZ_SEED}`);
  return { outcomes, units };
}

test('no answer of a camera ends the process, hangs it, or gives anything but units and errors by name', async () => {
  const { outcomes, units } = await readHostile('all', FUZZ_CASES);
  if (FUZZ_CASES >= 50) for (const name of ['SOURCE_UNREACHABLE', 'SOURCE_REFUSED']) assert.ok(outcomes.has(name), `no session ended with ${name}`);
  if (FUZZ_CASES >= 50) assert.ok(units > FUZZ_CASES, 'enough sessions come to play');
});

test('no session description of a camera does either', async () => {
  const { outcomes } = await readHostile('sdp', 8 * FUZZ_CASES);
  assert.ok((outcomes.get('SOURCE_REFUSED') ?? 0) > 0, 'some come to their set-up, which is refused');
});

test('no RTP, RTCP or framing of a camera does either', async () => {
  const { units } = await readHostile('rtp', 2 * FUZZ_CASES);
  assert.ok(units > FUZZ_CASES, 'enough units come through');
});

test.run();
