import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { PlatformError } from '../../src/engine/errors.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { sceneGraph } from '../../src/ingress/scene-graph.ts';
import { createDecoder, createScaler, openGeneratedReader, openReader, type GeneratedEncoding, type Picture } from '../../src/media/index.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import type { Box } from '../../src/messages/terminal-record.ts';
import { trueBoxes, unitsOf } from '../../test/support/gated-clip.ts';
import { sharedData } from '../../test/support/shared-data.ts';
import type { GateClip } from '../../test/support/gated-clip.ts';
import { visitedYard } from '../../test/support/visited-yard.ts';

/** As `modelOps.scoreMin` is by default. */
const SCORE_MIN = 0.3;
const FPS = 15;
const SIZE = { width: 640, height: 360 } as const;

const H264: Omit<GeneratedEncoding, 'gop'> = { codec: 'h264', bitrate: 7_000_000 };

/** The same scene as different cameras encode it. */
export const ENCODINGS: Readonly<Record<string, GeneratedEncoding>> = {
  'CRF, GOP 2 s': { ...H264, preset: 'superfast', gop: 2 * FPS, extra: { crf: '27', tune: 'zerolatency' } },
  'CRF, 2 B-frames': { ...H264, gop: 2 * FPS, bFrames: 2, extra: { crf: '27' } },
  'CRF, B-pyramid': { ...H264, gop: 2 * FPS, bFrames: 3, extra: { 'crf': '27', 'b-pyramid': 'normal' } },
  'CRF, GOP 10 s': { ...H264, preset: 'superfast', gop: 10 * FPS, extra: { crf: '27', tune: 'zerolatency' } },
  'CBR 1 Mbit/s': { ...H264, preset: 'superfast', gop: 2 * FPS, bitrate: 1_000_000, extra: { tune: 'zerolatency' } },
  'CBR 250 kbit/s': { ...H264, preset: 'superfast', gop: 2 * FPS, bitrate: 250_000, extra: { tune: 'zerolatency' } },
  'H.265 CRF': { codec: 'hevc', bitrate: 7_000_000, preset: 'superfast', gop: 2 * FPS, extra: { crf: '27' } },
};

/** Every recording of the shared data that holds a scene. */
export const RECORDINGS = [
  'one-by-one-person-detection.mp4', 'Retail02_short.mp4', 'car-detection.mp4', 'udacity_test_video.mp4', 'asl_book.mkv', 'asl_brother.mkv', 'exo_sample.mp4', 'exo_sample_fragmented_seekable.mp4',
  'exo_sample_av1.mp4', 'exo_sample_mdat_too_long.mp4', 'exo_hdr10_vfr_hevc10.mp4', 'exo_android_slow_motion_vfr.mp4', 'vali_test.mp4', 'vali_test_hevc10.mkv', 'vali_test_res_change.h264',
  'vali_test_multires.mkv', 'vali_test_rot_90_deg.mp4', 'vali_pts_test_video.mkv', 'vali_corrupt_nal.mkv', 'decord_corrupted.mp4', 'decord_unordered.mov', 'torchcodec_nasa_13013.mp4',
  'torchcodec_bt709_full_range.mp4', 'torchcodec_h265_10bits.mp4',
] as const;

/** The visited yard in one of the encodings. The detector is the ground truth itself. */
export async function syntheticClip(name: string, encoder: GeneratedEncoding, seconds: number): Promise<GateClip> {
  const scene = visitedYard(SIZE);
  const reader = await openGeneratedReader({ graph: sceneGraph(scene, FPS), frameRate: FPS, frames: seconds * FPS, encoder });
  const { parameters, units } = await unitsOf(reader);
  return { name, parameters, units, boxes: units.map(unit => trueBoxes(scene, unit.capturedAt / 1e6)), seconds, truth: 'ground truth' };
}

/** A recording of the shared data; undefined where it is not there. Detections on every frame are kept in the folder for temporary files. */
export async function recordedClip(name: string, say: (line: string) => void): Promise<GateClip | undefined> {
  const path = sharedData(`videos/${name}`);
  const model = sharedData('models/yolox_nano.onnx');
  if (path === undefined || model === undefined) return undefined;
  const { parameters, units } = await unitsOf(await openReader({ uri: path, openTimeoutMs: 10_000 }));
  const folder = join(tmpdir(), 'vto-bench-gate');
  const digest = createHash('sha256').update(readFileSync(path)).update(readFileSync(model)).digest('hex').slice(0, 16);
  const file = join(folder, `${basename(path)}-${digest}.json`);
  if (!existsSync(file)) {
    say(`${name}: detecting on every frame`);
    const found = await detectAll(model, parameters, units);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(found));
  }
  const boxes = JSON.parse(readFileSync(file, 'utf8')) as Box[][]; // written above
  const last = units.reduce((most, unit) => Math.max(most, unit.capturedAt), 0);
  return { name, parameters, units, boxes, seconds: last / 1e6, truth: 'YOLOX-nano' };
}

async function detectAll(model: string, parameters: StreamParameters, units: readonly AccessUnit[]): Promise<Box[][]> {
  const found: Box[][] = units.map(() => []);
  const detector = await loadDetector({ model, family: 'auto', providers: ['cpu'], scoreMin: SCORE_MIN, iouMax: 0.45, labels: [] }, { warn: () => {} });
  const scaler = createScaler(detector.shape);
  const decoder = await createDecoder(parameters, { threads: 1 });
  const detect = async (pictures: readonly Picture[]): Promise<void> => {
    for (const picture of pictures) {
      const frame = scaler.scale(picture);
      found[picture.frameSeq] = [...await detector.detect(frame, 'clip' as never)];
      scaler.release(frame);
      picture.free();
    }
  };
  for (const unit of units) {
    try {
      await detect(decoder.decode(unit));
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
    }
  }
  await detect(decoder.flush());
  decoder.close();
  await detector.close();
  return found;
}
