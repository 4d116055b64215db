import { Worker } from 'node:worker_threads';

/** Runs in a thread of its own, so that it works while native code blocks the main thread: kills the process when its parent is gone. */
const WATCH = `
const { workerData } = require('node:worker_threads');
setInterval(() => { if (process.ppid !== workerData.parent) process.kill(process.pid, 'SIGKILL'); }, 500);
`;

/** Ends this process within a second of its parent's death, whatever the main thread does. */
export function dieWithParent(): void {
  new Worker(WATCH, { eval: true, workerData: { parent: process.ppid }, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } }).unref();
}
