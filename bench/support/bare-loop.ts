// The floor of the pipeline: demux, decode, scale and infer in the tightest loop of one process. No ids, ports or records.
// Arguments: a JSON of LoopOrder. Prints a LoopResult as JSON.
import { loadDetector } from '../../src/inference/load-detector.ts';
import { createDecoder, createScaler, openReader } from '../../src/media/index.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { LoopOrder } from './loop-order.ts';
import { Stopwatch } from './stopwatch.ts';

const order = JSON.parse(process.argv[2] ?? '') as LoopOrder;
const model = await loadDetector({ model: order.model, family: 'auto', providers: ['cpu'], scoreMin: 0.35, iouMax: 0.5, labels: [] }, { warn: () => {} });
const scaler = createScaler(model.shape);
const streams = await Promise.all(order.files.map(async (uri, index) => {
  const reader = await openReader({ uri, openTimeoutMs: 10_000 });
  return { reader, decoder: await createDecoder(reader.parameters, { threads: 1 }), key: `c${index}` as CameraId, seq: 0 };
}));
const watch = new Stopwatch(order);
let open = streams;
while (open.length > 0) {
  for (const stream of open) {
    const packet = await stream.reader.read();
    const pictures = packet === undefined ? stream.decoder.flush() : stream.decoder.decode({ frameSeq: stream.seq++, data: packet.data, isKey: packet.isKey });
    for (const picture of pictures) {
      const frame = scaler.scale(picture);
      picture.free();
      await model.detect(frame, stream.key);
      scaler.release(frame);
      watch.frame();
    }
    if (packet === undefined) open = open.filter(each => each !== stream);
  }
}
process.stdout.write(`${JSON.stringify(watch.result())}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
