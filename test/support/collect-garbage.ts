// Preloaded into the processes of a soak (`--expose-gc --import`): what is left of memory is what is held, not what V8 has not looked at yet.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) setInterval(() => { globalThis.gc?.(); }, 2_000).unref();
