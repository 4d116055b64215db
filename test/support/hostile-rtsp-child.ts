import { PlatformError } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';

/** One session with the hostile server: `outcome` is the code of the error that ended it, `end`, or what it was that should not be. */
export interface HostileOutcome { readonly seed: number; readonly outcome: string; readonly units: number; readonly tookMs: number }

async function session(port: number, seed: number, mode: string): Promise<HostileOutcome> {
  const startMs = performance.now();
  const { signal } = new AbortController();
  let units = 0;
  let outcome = 'end';
  try {
    const source = await createSource({
      uri: `rtsp://127.0.0.1:${port}/${mode}/${seed}`, options: { openTimeoutMs: 1000, stallMs: 300, keyTimeoutMs: 1000 }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom },
    });
    const open = await source.open(signal);
    try {
      while (units < 100 && await open.next(signal) !== undefined) units++;
    } finally {
      await open.close();
    }
  } catch (error) {
    outcome = error instanceof PlatformError ? error.code : `unnamed ${error instanceof Error ? error.stack : String(error)}`;
  }
  return { seed, outcome, units, tookMs: performance.now() - startMs };
}

const [port = 0, count = 0, first = 0] = process.argv.slice(2, 5).map(Number);
const mode = process.argv[5] ?? 'all';
let next = 0;
const lane = async (): Promise<void> => {
  while (next < count) {
    const seed = (first + next++) % 2 ** 31;
    process.send?.({ starting: seed });
    process.send?.(await session(port, seed, mode));
  }
};
await Promise.all(Array.from({ length: 8 }, lane)); // most wait for a server that does not answer
process.disconnect();
