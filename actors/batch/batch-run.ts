import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abortable } from '../../src/engine/abortable.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import { ProcessActor } from '../process/child-process.ts';
import { POLICIES } from '../tree.ts';
import type { BatchOpened, BatchSettings } from './batch-role.ts';

/** How a batch is run. */
export interface BatchRunOptions extends Omit<BatchSettings, 'socket' | 'sources'> {
  /** One source, or several that share the detector; records then name them `batch-0`, `batch-1`, … */
  readonly uri: string | readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** Told once, when the source is open and the model is warm. */
  readonly onOpened?: (opened: BatchOpened) => void;
  /** A line that the process wrote. */
  readonly onLine?: (line: string) => void;
}

const PULL = 64;
const STOP_MS = 2_000;

/**
 * One source, or several at once, from start to end through one detector, in a process of its own: terminal records as they are made, back-pressure from the
 * reader to the file. Native code that crashes takes that process only.
 * @throws PlatformError the source's or model's error; PROCESS_EXITED when native code crashed
 */
export async function* runBatch(options: BatchRunOptions): AsyncGenerator<TerminalRecord> {
  const { clock, random, onOpened, onLine, uri, ...settings } = options;
  const sources = typeof uri === 'string' ? [{ uri, camera: 'batch' }] : uri.map((each, index) => ({ uri: each, camera: `batch-${index}` }));
  const folder = await mkdtemp(join(tmpdir(), 'vto-'));
  const socket = join(folder, 'batch.sock');
  const node = await listenIpc({ path: socket, clock, random, onError: () => { /* a broken link shows as the process's end */ } });
  const input = node.input('vto.detections', terminalRecordCodec, { maxItems: 256, maxBytes: 16 << 20 });
  const system = createActorSystem({ name: 'batch', clock, random, onEvent: () => {} });
  const over = new AbortController();
  const failure = new AbortController();
  const child = system.supervise(new ProcessActor({
    name: 'batch', role: 'batch', threadPoolSize: 8, clock, stopMs: STOP_MS, settings: () => ({ ...settings, sources, socket } satisfies BatchSettings),
    onLine: (_name, line) => onLine?.(line), onNote: note => onOpened?.(note as BatchOpened), // the role's only note
  }), POLICIES.link);
  void child.exit.then(exit => { if (exit.reason === 'escalated') failure.abort(exit.error); });
  try {
    for (;;) {
      const delivery = await abortable(input.pull(PULL, over.signal), failure.signal);
      if (delivery === undefined) return;
      for (const { body } of delivery.items) yield body;
      await delivery.ack();
    }
  } finally {
    over.abort(new PlatformError('PORT_CLOSED', 'the batch is over'));
    await child.stop();
    await system.stop();
    await node.close();
    await rm(folder, { recursive: true, force: true });
  }
}
