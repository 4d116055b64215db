import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { at } from './ledger-oracle.ts';
import { residentBytes } from './process-table.ts';
import { checkDetected, PATIENT, withSite, type Site } from './three-cameras.ts';

/** How long and by which dice. */
export interface ChaosOptions { readonly seed: number; readonly durationMs: number }

/** What is killed, and how often in relation to the others. */
const VICTIMS = [
  { names: ['ingest-0'], weight: 3 }, { names: ['vision-0'], weight: 3 }, { names: ['ingest-0', 'vision-0'], weight: 2 }, { names: ['store'], weight: 2 },
  { names: ['store', 'vision-0'], weight: 1 }, { names: ['root'], weight: 1 }, { names: ['launcher'], weight: 0.5 },
] as const;

/** Kills whose victims hold the cameras: only these may cost frames. */
const COSTS_FRAMES: readonly string[] = ['ingest-0', 'root', 'launcher'];
/** Kills are this far apart on average; some hit what is just coming back. */
const MEAN_PAUSE_MS = 2500;
const SOON_SHARE = 0.3;

interface Kill { readonly names: readonly string[]; readonly at: number; readonly backMs: number | undefined }

/**
 * Kills processes of a run with three cameras at random moments, then judges from outside: sent = received + gaps, each gap around a kill
 * that explains it, one terminal record a frame in store and streams, at least 95 % of durable frames detected, nobody left over.
 */
export async function runChaos({ seed, durationMs }: ChaosOptions): Promise<void> {
  console.log(`chaos: seed ${seed}, ${(durationMs / 60_000).toFixed(1)} minutes`);
  const random = seededRandom(seed);
  await withSite({ env: PATIENT }, async (site) => {
    const kills: Kill[] = [];
    const end = performance.now() + durationMs;
    let memoryAt = 0;
    while (performance.now() < end) {
      if (performance.now() > memoryAt) { printMemory(site); memoryAt = performance.now() + 30_000; }
      await new Promise((resolve) => { setTimeout(resolve, -MEAN_PAUSE_MS * Math.log(1 - random.next())); });
      kills.push(await strike(site, choose(random.next()), random.next() < SOON_SHARE));
    }
    await site.detectedAgain(kills.at(-1)?.at ?? 0);
    await site.moreFrames(5);
    printMemory(site);
    const { verdicts, stopMs } = await site.judge();
    printKills(kills);
    console.log(`  stop ${stopMs.toFixed(0)} ms`);
    for (const { problems, losses, dropped } of verdicts) {
      assert.equal(problems, [], `seed ${seed}`);
      const causes = kills.filter(({ names }) => names.some((name) => COSTS_FRAMES.includes(name)));
      for (const loss of losses) assert.ok(causes.some((kill) => kill.at >= loss.fromMicros - 1e6 && kill.at <= loss.toMicros), `seed ${seed}: a gap of ${loss.ms} ms without a kill in it`);
      assert.is(dropped['undecodable'] ?? 0, 0, `seed ${seed}`);
    }
    checkDetected(verdicts);
  });
}

async function strike(site: Site, names: readonly string[], isSoonOver: boolean): Promise<Kill> {
  const alive = names.filter((name) => name === 'launcher' || site.run.pid(name) !== undefined); // one may be down at the moment
  if (alive.length === 0) return { names: [], at: 0, backMs: undefined };
  const killedAt = site.kill(...alive);
  if (alive.includes('root') || alive.includes('launcher')) {
    await site.run.gone();
    await site.startAgain();
  }
  return { names: alive, at: killedAt, backMs: isSoonOver ? undefined : await site.detectedAgain(killedAt) };
}

function choose(dice: number): readonly string[] {
  let left = dice * VICTIMS.reduce((sum, { weight }) => sum + weight, 0);
  return VICTIMS.find(({ weight }) => (left -= weight) < 0)?.names ?? VICTIMS[0].names;
}

function printMemory(site: Site): void {
  const names = ['root', 'store', 'ingest-0', 'vision-0'];
  console.log(`  RSS in MB: ${names.map((name) => `${name} ${((residentBytes(site.run.pid(name) ?? 0) ?? 0) / 1e6).toFixed(0)}`).join(', ')}`);
}

function printKills(kills: readonly Kill[]): void {
  for (const key of new Set(kills.map(({ names }) => names.join(' + ')))) {
    if (key === '') continue;
    const these = kills.filter(({ names }) => names.join(' + ') === key);
    const backMs = these.flatMap((kill) => kill.backMs ?? []).sort((a, b) => a - b);
    console.log(`  ${key}: killed ${these.length} times; new frames of all cameras detected and with the client after p50 ${at(backMs, 0.5).toFixed(0)}, max ${at(backMs, 1).toFixed(0)} ms (${backMs.length} measured)`);
  }
}
