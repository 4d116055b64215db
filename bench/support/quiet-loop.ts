// Vision processes as they run in production below this process, which feeds them with the packets of quiet cameras at their pace.
// Arguments: a JSON of QuietOrder. Prints a QuietResult as JSON.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessActor } from '../../actors/process/child-process.ts';
import { POLICIES } from '../../actors/tree.ts';
import type { VisionSettings } from '../../actors/vision/vision-role.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { sceneGraph } from '../../src/ingress/scene-graph.ts';
import { isClosedGopStart, openGeneratedReader, type MediaPacket } from '../../src/media/index.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import { processCpuMs } from './process-tree.ts';
import type { QuietOrder, QuietResult } from './quiet-order.ts';
import { visitedYard } from '../../test/support/visited-yard.ts';

const order = JSON.parse(process.argv[2] ?? '') as QuietOrder;
const LINK = { clock: systemClock, random: systemRandom };
const NEVER = new AbortController().signal;
const TICK_MS = 5;

/** Some seconds of nothing, as a 1080p camera sends them. */
const scene = { ...visitedYard({ width: 1920, height: 1080 }), movers: [] };
const reader = await openGeneratedReader({
  graph: sceneGraph(scene, order.fps), frameRate: order.fps, frames: 3 * order.gop,
  encoder: { codec: 'h264', preset: 'superfast', gop: order.gop, bitrate: 20_000_000, extra: { crf: '27', tune: 'zerolatency' } },
});
const packets: MediaPacket[] = [];
for (let packet = await reader.read(); packet; packet = await reader.read()) packets.push(packet);
const { parameters } = reader;
await reader.close();
const isOpenGop = packets[0] !== undefined && !isClosedGopStart(parameters, packets[0]);

const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const counts = { fed: 0, acknowledged: 0, detected: 0, quiet: 0, otherwise: 0 };

async function count(): Promise<void> {
  const node = await listenIpc({ ...LINK, path: join(folder, 'store.sock'), onError: () => {} });
  const records = node.input('vto.detections', terminalRecordCodec, { maxItems: 4_096, maxBytes: 32 << 20 });
  for (let delivery = await records.pull(256, NEVER); delivery; delivery = await records.pull(256, NEVER)) {
    for (const { body } of delivery.items) {
      if (body.kind === 'detected') counts.detected += 1;
      else if (body.reason === 'quiet') counts.quiet += body.to - body.from + 1;
      else counts.otherwise += body.to - body.from + 1;
    }
    await delivery.ack();
  }
}

function settingsOf(index: number): VisionSettings {
  return {
    socket: join(folder, `vision-${index}.sock`), storeSocket: join(folder, 'store.sock'), stalenessMs: 100, catchUpMs: 5_000, splitMaxFps: 5, maxFps: null,
    model: { model: order.model, family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] }, gate: { modes: { '*': order.gate }, probeHz: 2, holdMs: 500 },
  };
}

interface Fed { readonly id: CameraId; readonly out: LinkOutPort<ChunkPart>; readonly phaseMs: number; next: number }

/** Hands over what is due of every camera. */
function feed(cameras: readonly Fed[], sinceMs: number): void {
  const nowMs = systemClock.monotonicMs() - sinceMs;
  for (const camera of cameras) {
    while (camera.phaseMs + camera.next * 1000 / order.fps <= nowMs) {
      const packet = packets[camera.next % packets.length];
      if (!packet) return;
      const at = epochMicros(Math.round(camera.next * 1e6 / order.fps));
      const unit = { ...packet, frameSeq: camera.next, pts: camera.next * 90_000 / order.fps, dts: camera.next * 90_000 / order.fps, capturedAt: at, arrivedAt: systemClock.now() };
      const body: ChunkPart = {
        camera: camera.id, epoch: 1, chunkSeq: 0, partSeq: camera.next, chunkStartedAt: epochMicros(0), parameters, units: [unit], isOpenGop, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 1,
      };
      counts.fed += 1;
      camera.next += 1;
      camera.out.push([{ body, key: camera.id, capturedAt: at, trace: '' }], NEVER).then(() => { counts.acknowledged += 1; }, () => {});
    }
  }
}

try {
  void count();
  const system = createActorSystem({ name: 'bench', ...LINK, onEvent: () => {} });
  const actors = Array.from({ length: order.processes }, (_, index) => new ProcessActor({
    name: `vision-${index}`, role: 'vision', settings: () => settingsOf(index), threadPoolSize: 4, clock: systemClock, stopMs: 2_000, onLine: (name, line) => { if (!line.includes('"level":"debug"')) process.stderr.write(`${name} ${line}\n`); },
  }));
  for (const actor of actors) system.supervise(actor, POLICIES.process);
  await Promise.all(actors.map(actor => actor.untilReady()));
  const ports = actors.map((_, index) => connectIpc({ ...LINK, path: settingsOf(index).socket, backoffMs: 10, backoffMaxMs: 200 }).output('vto.chunks', chunkPartCodec, { maxItems: 65_536, maxBytes: 512 << 20 }));
  // Key frames of different cameras come at different times.
  const cameras = Array.from({ length: order.cameras }, (_, index): Fed => ({
    id: `quiet-${index}` as CameraId, out: ports[index % ports.length] as LinkOutPort<ChunkPart>, phaseMs: (index * 0.618 % 1) * order.gop * 1000 / order.fps, next: 0,
  }));
  const sinceMs = systemClock.monotonicMs();
  const timer = setInterval(() => feed(cameras, sinceMs), TICK_MS);
  const cpuMs = (): number => actors.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : processCpuMs(pid)), 0);
  await systemClock.sleep(order.warmUpMs);
  const before = { ...counts, atMs: systemClock.monotonicMs(), cpuMs: cpuMs(), feederCpuMs: processCpuMs(process.pid) };
  await systemClock.sleep(order.measureMs);
  const result: QuietResult = {
    wallMs: systemClock.monotonicMs() - before.atMs, cpuMs: cpuMs() - before.cpuMs, feederCpuMs: processCpuMs(process.pid) - before.feederCpuMs, fed: counts.fed - before.fed,
    acknowledged: counts.acknowledged - before.acknowledged, detected: counts.detected - before.detected, quiet: counts.quiet - before.quiet, otherwise: counts.otherwise - before.otherwise,
  };
  clearInterval(timer);
  await system.stop();
  await new Promise<void>(done => { process.stdout.write(`${JSON.stringify(result)}\n`, () => done()); });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
