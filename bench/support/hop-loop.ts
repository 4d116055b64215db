// One item to the next stage and its acknowledgement back, through each transport; over ipc the other side is a process of its own.
// Arguments: a JSON of HopOrder. Prints a HopResult as JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { Envelope, InPort, OutPort } from '../../src/engine/ports.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import { createMemoryPort } from '../../src/transports/memory.ts';

/** How many items. */
export interface HopOrder { readonly items: number; readonly sizeBytes: number }
/** Milliseconds of each hop and acknowledgement, one at a time; and the mean where many are under way. */
export interface HopResult { readonly memory: readonly number[]; readonly ipc: readonly number[]; readonly memoryBusyMs: number; readonly ipcBusyMs: number }

const { signal } = new AbortController();
const BOUNDS = { maxItems: 256, maxBytes: 64 << 20 };

async function consume(input: InPort<ChunkPart>): Promise<void> {
  for (;;) {
    const delivery = await input.pull(64, signal);
    if (delivery === undefined) return;
    await delivery.ack();
  }
}

if (process.argv[2] === 'consumer') {
  const node = connectIpc({ path: process.argv[3] ?? '', clock: systemClock, random: systemRandom, backoffMs: 5, backoffMaxMs: 50 });
  await consume(node.input('hop', chunkPartCodec, BOUNDS));
} else {
  const order = JSON.parse(process.argv[2] ?? '') as HopOrder;
  const memory = createMemoryPort<ChunkPart>({ ...BOUNDS, sizeOf: () => order.sizeBytes });
  void consume(memory.input);
  const overMemory = await measure(memory.output, order);
  const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
  const path = join(folder, 'hop.sock');
  const node = await listenIpc({ path, clock: systemClock, random: systemRandom, onError: () => {} });
  const output = node.output('hop', chunkPartCodec, BOUNDS);
  const child = fork(fileURLToPath(import.meta.url), ['consumer', path]);
  const overIpc = await measure(output, order);
  child.kill();
  await once(child, 'exit');
  await node.close();
  rmSync(folder, { recursive: true, force: true });
  const result: HopResult = { memory: overMemory.times, memoryBusyMs: overMemory.busyMs, ipc: overIpc.times, ipcBusyMs: overIpc.busyMs };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
}

async function measure(output: OutPort<ChunkPart>, { items, sizeBytes }: HopOrder): Promise<{ readonly times: readonly number[]; readonly busyMs: number }> {
  const item = itemOf(sizeBytes);
  const times: number[] = [];
  for (let index = 0; index < items; index += 1) {
    const startMs = performance.now();
    await output.push([item], signal);
    times.push(performance.now() - startMs);
  }
  const startMs = performance.now();
  let last: Promise<void> = Promise.resolve();
  for (let index = 0; index < items; index += 1) {
    await output.room(signal);
    last = output.push([item], signal);
  }
  await last;
  return { times: times.slice(items / 10), busyMs: (performance.now() - startMs) / items };
}

function itemOf(sizeBytes: number): Envelope<ChunkPart> {
  const camera = 'bench' as CameraId;
  const at = epochMicros(0);
  return {
    key: camera, capturedAt: at, trace: '',
    body: {
      camera, epoch: 1, chunkSeq: 0, partSeq: 0, chunkStartedAt: at, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 1,
      parameters: { codec: 'h264', width: 768, height: 432, extradata: new Uint8Array(40), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 25 },
      units: [{ frameSeq: 0, data: new Uint8Array(sizeBytes), pts: 0, dts: 0, duration: 3600, isKey: true, isCorrupt: false, capturedAt: at, arrivedAt: at }],
    },
  };
}
