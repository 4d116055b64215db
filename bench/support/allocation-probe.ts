// Loaded into every process of a batch by NODE_OPTIONS: in the batch process it samples every allocation of V8's heap, those that were collected too, and writes the sum at its end.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';

/** What a process allocated in all. */
export interface AllocationResult { readonly bytes: number; readonly collectMs: number; readonly collections: number; readonly top: readonly { readonly at: string; readonly bytes: number }[] }

const SAMPLE_EVERY_BYTES = 4096;

interface ProfileNode { readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }; readonly selfSize: number; readonly children: readonly ProfileNode[] }

const file = process.env['VTO_BENCH_ALLOCATIONS'];
if (file !== undefined && process.argv[2] === 'batch') watch(file);

function watch(path: string): void {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.startSampling', { samplingInterval: SAMPLE_EVERY_BYTES, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
  let collectMs = 0;
  let collections = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) { collectMs += entry.duration; collections += 1; }
  }).observe({ entryTypes: ['gc'] });
  process.on('exit', () => {
    session.post('HeapProfiler.stopSampling', (_error, result) => { // answered at once: the session is this thread's own
      const places = new Map<string, number>();
      const add = ({ callFrame: { functionName, url, lineNumber }, selfSize, children }: ProfileNode): void => {
        const at = `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
        places.set(at, (places.get(at) ?? 0) + selfSize);
        for (const child of children) add(child);
      };
      add((result as unknown as { profile: { head: ProfileNode } }).profile.head);
      const top = [...places].map(([at, bytes]) => ({ at, bytes })).sort((a, b) => b.bytes - a.bytes);
      writeFileSync(path, JSON.stringify({ bytes: top.reduce((sum, { bytes }) => sum + bytes, 0), collectMs, collections, top: top.slice(0, 40) } satisfies AllocationResult));
    });
  });
}
