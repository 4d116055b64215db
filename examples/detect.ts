// Detects on a video from your own program: node examples/detect.ts ./video.mp4 ./yolox_nano.onnx
// Without arguments it runs the built-in motion detector on a synthetic street for 60 frames.
import { AppContext, VisionPipeline } from 'visutility';

const [uri = 'synthetic://street?frames=60', model = 'motion'] = process.argv.slice(2);
const ctx = AppContext.default();
const pipeline = await VisionPipeline.forModality('rgb', ctx);

for await (const d of pipeline.ingest(uri).transform().detect({ model }).serve()) {
  const objects = d.boxes.map(box => `${box.label} ${box.score.toFixed(2)} [${[box.x1, box.y1, box.x2, box.y2].map(Math.round).join(', ')}]`);
  console.log(`${d.ptsSeconds?.toFixed(2) ?? '-'} s  ${objects.join('; ') || 'nothing'}`);
}
