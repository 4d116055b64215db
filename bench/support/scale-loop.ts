// What decoding and scaling a clip's pictures takes, so that it can be told from the engine's share.
// Arguments: a JSON of ScaleOrder. Prints the milliseconds of every picture's scaling as JSON.
import { createDecoder, createScaler, openReader } from '../../src/media/index.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';

/** Which clip, and for which model. */
export interface ScaleOrder { readonly file: string; readonly model: string }

const order = JSON.parse(process.argv[2] ?? '') as ScaleOrder;
const model = await loadDetector({ model: order.model, family: 'auto', providers: ['cpu'], scoreMin: 0.35, iouMax: 0.5, labels: [] }, { warn: () => {} });
const scaler = createScaler(model.shape);
const reader = await openReader({ uri: order.file, openTimeoutMs: 10_000 });
const decoder = await createDecoder(reader.parameters, { threads: 1 });
const times: number[] = [];
for (let seq = 0; ; seq += 1) {
  const packet = await reader.read();
  if (packet === undefined) break;
  for (const picture of decoder.decode({ frameSeq: seq, data: packet.data, isKey: packet.isKey })) {
    const startMs = performance.now();
    const frame = scaler.scale(picture);
    times.push(performance.now() - startMs);
    picture.free();
    scaler.release(frame);
  }
}
process.stdout.write(`${JSON.stringify(times.slice(Math.floor(times.length / 10)))}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
