/** The process below `LoadSandbox`: loads the detector it is told of as a vision process does, runs it once, and says how that ended. */
import { PlatformError } from '../../src/engine/errors.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { dieWithParent } from '../../actors/process/parent-watch.ts';
import type { FromChild, ToChild } from '../../actors/process/protocol.ts';
import type { LoadOrder } from './load-sandbox.ts';

const MEMORY_BYTES_MAX = 1.5 * 2 ** 30;

const say = (message: FromChild): void => { process.send?.(message); };
const report = { name: 'sandbox', state: 'running', generation: 1, restarts: 0, children: [] } as const;

async function load({ id, path, family }: LoadOrder): Promise<void> {
  let outcome: string;
  try {
    const detector = await loadDetector({ model: path, family, providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] }, { warn: () => undefined });
    await detector.close();
    outcome = 'loaded';
  } catch (error) {
    outcome = error instanceof PlatformError ? `refused ${error.code}` : `unnamed ${String(error).split('\n')[0]}`;
  }
  say({ type: 'note', note: { id, outcome } });
}

dieWithParent().limitMemory(MEMORY_BYTES_MAX);
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToChild) => {
  if (message.type === 'start') say({ type: 'ready' });
  else if (message.type === 'tell') void load(message.message as LoadOrder); // the sandbox tells nothing else
  else if (message.type === 'stop') process.exit(0);
});
setInterval(() => { say({ type: 'report', report, isAlive: true }); }, 500);
