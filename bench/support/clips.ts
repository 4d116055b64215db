import { makeClipFile } from '../../test/support/clip.ts';
import { sharedData } from '../../test/support/shared-data.ts';

/** A video to measure with. */
export interface BenchClip { readonly path: string; readonly frames: number; readonly text: string }

/** A real recording where the shared test data is there, else a generated one; `text` says which. */
export async function benchClip(isShort: boolean): Promise<BenchClip> {
  const real = isShort ? { name: 'car-detection.mp4', frames: 377 } : { name: 'one-by-one-person-detection.mp4', frames: 1394 };
  const path = sharedData(`videos/${real.name}`);
  if (path !== undefined) return { path, frames: real.frames, text: `real recording ${real.name}, H.264 768x432` };
  const frames = isShort ? 300 : 1200;
  return {
    path: await makeClipFile({ width: 768, height: 432, fps: 25, frames, gop: 50, bFrames: isShort ? 0 : 2 }), frames,
    text: 'GENERATED clip, H.264 768x432 (the shared recordings are not there)',
  };
}

/** A real network where the shared models are there. */
export function benchModel(): { readonly model: string; readonly text: string } | undefined {
  const model = sharedData('models/yolox_nano.onnx');
  return model === undefined ? undefined : { model, text: 'YOLOX-nano' };
}
