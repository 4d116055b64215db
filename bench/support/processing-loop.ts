// Pre- and post-processing in the graph against the same in JavaScript, frame by frame in turn. Arguments: a JSON of ProcessingOrder. Prints a ProcessingResult as JSON.
import { loadDetector } from '../../src/inference/load-detector.ts';
import { createDecoder, createScaler, openReader } from '../../src/media/index.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { Box } from '../../src/messages/terminal-record.ts';
import { median } from './bench.ts';
import { JavascriptYolox } from './javascript-yolox.ts';

/** Which clip and model; every frame of the clip is detected on so many times. */
export interface ProcessingOrder { readonly file: string; readonly model: string; readonly frames: number; readonly rounds: number }
/** Median milliseconds of processor time of a frame. */
export interface ProcessingResult { readonly inGraph: number; readonly javascript: number; readonly network: number; readonly boxes: number }

const THRESHOLDS = { scoreMin: 0.3, iouMax: 0.45 };
const WARM_UP_ROUNDS = 1;

const order = JSON.parse(process.argv[2] ?? '') as ProcessingOrder;
const inGraph = await loadDetector({ model: order.model, family: 'yolox', providers: ['cpu'], ...THRESHOLDS, labels: [] }, { warn: () => {} });
const javascript = await JavascriptYolox.load(order.model, inGraph.shape.width, THRESHOLDS);
const frames = await framesOf(order.file, order.frames);
const times = { inGraph: [] as number[], javascript: [] as number[], network: [] as number[] };
const camera = 'bench' as CameraId;
let boxes = 0;

const timed = async <Result>(side: keyof typeof times, isKept: boolean, act: () => Promise<Result>): Promise<Result> => {
  const start = process.cpuUsage();
  const result = await act();
  const { user, system } = process.cpuUsage(start);
  if (isKept) times[side].push((user + system) / 1000);
  return result;
};

for (let round = 0; round < order.rounds + WARM_UP_ROUNDS; round += 1) {
  for (const [index, frame] of frames.entries()) {
    const isKept = round >= WARM_UP_ROUNDS;
    const graphSide = (): Promise<readonly Box[]> => timed('inGraph', isKept, () => inGraph.detect(frame, camera));
    const scriptSide = (): Promise<readonly Box[]> => timed('javascript', isKept, () => javascript.detect(frame));
    const isGraphFirst = (index + round) % 2 === 0;
    const first = isGraphFirst ? await graphSide() : await scriptSide();
    const second = isGraphFirst ? await scriptSide() : await graphSide();
    mustBeEqual(first, second);
    boxes += isKept ? first.length : 0;
    await timed('network', isKept, () => javascript.runOnly());
  }
}
await inGraph.close();
await javascript.close();
const result: ProcessingResult = { inGraph: median(times.inGraph), javascript: median(times.javascript), network: median(times.network), boxes: boxes / (frames.length * order.rounds) };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)); // a pipe takes a long line in pieces

/** Both must do the same work. */
function mustBeEqual(a: readonly Box[], b: readonly Box[]): void {
  const isSame = a.length === b.length && a.every((box, index) => {
    const other = b[index];
    return other !== undefined && box.classId === other.classId && Math.abs(box.score - other.score) < 1e-3 && Math.abs(box.x1 - other.x1) < 0.1 && Math.abs(box.y2 - other.y2) < 0.1;
  });
  if (!isSame) throw new Error(`the two sides differ: ${JSON.stringify([a, b])}`);
}

/** The first pictures of a clip at model size. */
async function framesOf(file: string, count: number): Promise<readonly ModelFrame[]> {
  const scaler = createScaler(inGraph.shape);
  const reader = await openReader({ uri: file, openTimeoutMs: 10_000 });
  const decoder = await createDecoder(reader.parameters, { threads: 1 });
  const found: ModelFrame[] = [];
  for (let seq = 0; found.length < count; seq += 1) {
    const packet = await reader.read();
    if (packet === undefined) break;
    for (const picture of decoder.decode({ frameSeq: seq, data: packet.data, isKey: packet.isKey })) {
      found.push(scaler.scale(picture));
      picture.free();
    }
  }
  return found;
}
