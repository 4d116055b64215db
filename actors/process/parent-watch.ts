import { Worker } from 'node:worker_threads';

/**
 * Runs in a thread of its own, so that it works while native code blocks the main thread: kills the process when its parent is gone, or when
 * it holds more memory than it may. What it says last goes to standard error itself, because the main thread writes no more.
 */
const WATCH = `
const { workerData, parentPort } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const kill = () => process.kill(process.pid, 'SIGKILL');
setInterval(() => { if (process.ppid !== workerData.parent) kill(); }, 500);
parentPort.on('message', (limit) => {
  setInterval(() => {
    const used = process.memoryUsage.rss();
    if (used <= limit) return;
    writeSync(2, \`memory limit passed: \${Math.round(used / 2 ** 20)} MiB in use, \${Math.round(limit / 2 ** 20)} MiB allowed\\n\`);
    kill();
  }, 100);
});
`;

/** The watch over this process. */
export interface ProcessWatch {
  /** From now on the process is killed when it holds more than so many bytes of memory, whatever the main thread does. Once a process. */
  limitMemory(bytes: number): void;
}

/** Ends this process within a second of its parent's death, whatever the main thread does. */
export function dieWithParent(): ProcessWatch {
  const watch = new Worker(WATCH, { eval: true, workerData: { parent: process.ppid }, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } });
  watch.unref();
  return { limitMemory: bytes => watch.postMessage(bytes) };
}
