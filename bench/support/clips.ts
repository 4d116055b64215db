import { makeClipFile } from '../../test/support/clip.ts';
import { sharedData } from '../../test/support/shared-data.ts';

/** A video to measure with. */
export interface BenchClip { readonly path: string; readonly frames: number; readonly text: string }

const RECORDINGS = {
  short: { name: 'vali_test.mp4', frames: 96, width: 848, height: 464 },
  middle: { name: 'car-detection.mp4', frames: 377, width: 768, height: 432 },
  long: { name: 'one-by-one-person-detection.mp4', frames: 1394, width: 768, height: 432 },
  hd: { name: 'Retail02_short.mp4', frames: 603, width: 1920, height: 1080 },
} as const;

/** A real recording where the shared test data is there, else a generated one of the same size; `text` says which. */
export async function benchClip(length: keyof typeof RECORDINGS): Promise<BenchClip> {
  const { name, frames, width, height } = RECORDINGS[length];
  const codec = length === 'hd' ? 'H.265' : 'H.264';
  const path = sharedData(`videos/${name}`);
  if (path !== undefined) return { path, frames, text: `real recording ${name}, ${codec} ${width}x${height}, ${frames} frames` };
  return {
    path: await makeClipFile({ width, height, fps: 25, frames, gop: 50, bFrames: length === 'long' ? 2 : 0 }), frames,
    text: `GENERATED clip, H.264 ${width}x${height}, ${frames} frames (the shared recordings are not there)`,
  };
}

/** A real network where the shared models are there. */
export function benchModel(): { readonly model: string; readonly text: string } | undefined {
  const model = sharedData('models/yolox_nano.onnx');
  return model === undefined ? undefined : { model, text: 'YOLOX-nano' };
}
